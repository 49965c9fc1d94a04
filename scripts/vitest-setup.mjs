// Runs once before the tests: their peers run in processes of their own, from compiled files.
import { buildPrograms } from "./lib/programs.mjs";

export async function setup() {
  const { errors } = await buildPrograms();
  for (const error of errors) console.error(error);
}
