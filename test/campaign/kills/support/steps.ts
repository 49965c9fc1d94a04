import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../../../src/", import.meta.url));

/** Which test has victims for which steps: the part of a step's name before the colon, by file. */
export const families = {
  "shared-buffer": ["ring", "handshake", "broadcast"],
  locks: ["locks", "gate", "mutex", "rwlock", "semaphore", "condition", "layout", "record"],
  places: ["path-lock", "binding", "listening", "segment", "fifo"],
  queues: ["posix queue", "sysv queue"],
  "hand-over": ["take-over", "hand-over", "instance"],
} as const;

/** Every step in the source at which a process can be killed. */
export function stepsInSource(): readonly string[] {
  const names: string[] = [];
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const text = readFileSync(join(source, file), "utf8");
    for (const [, name = ""] of text.matchAll(/^ *STEP: reached\("([^"]+)"\);$/gm)) names.push(name);
  }
  return names;
}

/** The family of a step. */
export function familyOf(step: string): string {
  return step.slice(0, step.indexOf(":"));
}
