// Compiles all TypeScript programs into .build/ (see lib/programs.mjs).
import { buildPrograms } from "./lib/programs.mjs";

const { written, errors } = await buildPrograms();
for (const error of errors) console.error(error);
console.log(`.build: ${String(written)} files written`);
process.exitCode = errors.length === 0 ? 0 : 1;
