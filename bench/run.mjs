// npm run bench: installs and builds what is missing, then measures (src/main.ts). `npm run bench -- --help` shows the options.
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../scripts/lib/run.mjs";
import { prepareBench } from "./prepare.mjs";

try {
  await prepareBench();
} catch (error) {
  if (error instanceof CommandError) console.error(error.output);
  throw error;
}
const program = path.join(path.dirname(fileURLToPath(import.meta.url)), ".build", "main.js");
const bench = spawn(process.execPath, ["--enable-source-maps", program, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// The terminal sends Ctrl+C to both; the runner ends what it started.
process.on("SIGINT", () => undefined);
bench.once("close", (code) => {
  process.exitCode = code ?? 1;
});
