// npm start: installs and builds what is missing, then runs the tour (scripts/tour/main.ts) with the given arguments.
import { spawn } from "node:child_process";
import path from "node:path";
import { buildFolder } from "./lib/project.mjs";
import { CommandError } from "./lib/run.mjs";
import { prepare } from "./prepare.mjs";

try {
  await prepare();
} catch (error) {
  if (error instanceof CommandError) console.error(error.output);
  throw error;
}

const program = path.join(buildFolder, "scripts", "tour", "main.js");
const tour = spawn(process.execPath, ["--enable-source-maps", program, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// The terminal sends Ctrl+C to both processes: the tour cleans up and ends, and this one reports how.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => tour.kill("SIGTERM"));
tour.once("error", (error) => {
  throw error;
});
tour.once("close", (code) => {
  process.exitCode = code ?? 1;
});
