// Builds the targets of coverage-guided fuzzing and runs them: libFuzzer of clang, with AddressSanitizer and UndefinedBehaviorSanitizer.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sources = join(root, "test/campaign/fuzz/targets");
const core = join(root, "src/native");
const work = join(root, ".build/fuzz");

/** Their names: a file of targets/ each. */
export const targets: readonly string[] = readdirSync(sources)
  .filter((name) => name.endsWith(".c"))
  .map((name) => name.slice(0, -2));

/** What a run came to. */
export interface FuzzFigures {
  readonly executions: number;
  /** Edges of the target's control flow that inputs have reached. */
  readonly edges: number;
  readonly features: number;
  readonly corpus: number;
}

function newest(...folders: readonly string[]): number {
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

/** Compiles a target unless that was done since its sources changed. */
export function build(target: string): string {
  const program = join(work, target);
  mkdirSync(work, { recursive: true });
  const built = statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest(sources, core)) return program;
  const flags =
    "-std=gnu11 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wall -Wextra -Werror";
  const { error, status, stderr } = spawnSync(
    "clang",
    [...flags.split(" "), `-I${core}`, join(sources, `${target}.c`), "-o", program],
    { encoding: "utf8" },
  );
  if (error !== undefined) {
    throw new Error(`clang cannot be run (${error.message}): apt-get install clang libclang-rt-14-dev`);
  }
  if (status !== 0) {
    throw new Error(
      `clang could not build ${target}; where its libFuzzer is missing: apt-get install libclang-rt-14-dev\n${stderr}`,
    );
  }
  return program;
}

/** Fuzzes for so many seconds, from the corpus that is kept and what earlier runs here have found. Rejects with the report and the input that was found. */
export async function fuzz(target: string, seed: number, seconds: number): Promise<FuzzFigures> {
  const program = build(target);
  const collected = join(work, "corpora", target);
  const kept = join(root, "test/campaign/fuzz/corpora", target);
  mkdirSync(collected, { recursive: true });
  const child = spawn(
    program,
    [
      `-seed=${seed}`,
      `-max_total_time=${Math.ceil(seconds)}`,
      "-timeout=10",
      "-rss_limit_mb=1024",
      "-max_len=4096",
      "-print_final_stats=1",
      `-artifact_prefix=${join(work, `${target}-`)}`,
      collected,
      kept,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-65_536)));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) {
    const input = /Test unit written to (.*)/.exec(output)?.[1];
    const again = input === undefined ? "" : `\nAgain: ${relative(root, program)} ${relative(root, input)}`;
    throw new Error(`${target} broke a rule, seed ${seed}.${again}\n${output}`);
  }
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1]);
  return {
    executions: number(/number_of_executed_units:\s*(\d+)/),
    edges: number(/DONE +cov: (\d+)/),
    features: number(/DONE.* ft: (\d+)/),
    corpus: number(/DONE.* corp: (\d+)/),
  };
}
