// npm run docs:table: builds what is missing, then makes the table of docs/choosing.md anew (ipc-table/main.ts).
import path from "node:path";
import { pathToFileURL } from "node:url";
import { buildFolder } from "./lib/project.mjs";
import { CommandError } from "./lib/run.mjs";
import { prepare } from "./prepare.mjs";

try {
  await prepare();
} catch (error) {
  if (error instanceof CommandError) console.error(error.output);
  throw error;
}
await import(pathToFileURL(path.join(buildFolder, "scripts/ipc-table/main.js")).href);
