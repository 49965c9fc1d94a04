// How the guests learn the port that the host has: from a file in the folder of the run.
import { readFileSync, writeFileSync } from "node:fs";
import type { Meeting } from "../sides/contestant.js";

/** Tells it. Called before a guest is started. */
export function tellPort({ folder }: Meeting, port: number): void {
  writeFileSync(`${folder}/port`, String(port));
}

/** Reads what was told. */
export function portOf({ folder }: Meeting): number {
  return Number(readFileSync(`${folder}/port`, "utf8"));
}
