// The configuration: what it may say, and how its text is read without being trusted.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Codec, json, lines } from "sluice";
import { policy, type PolicyData, spawnSandboxed } from "sluice/daemon";
import { z } from "zod";

const MOST_BYTES = 64 * 1024;

const milliseconds = z.int().min(1).max(86_400_000);
const text = z.string().refine((value) => !value.includes("\0"), "must not contain NUL");

const programSchema = z.strictObject({
  /** The program and its arguments; no shell is involved. */
  command: z.tuple([text.min(1)], text),
  env: z.record(text, text).default({}),
  cwd: text.default("/"),
  /** Whether it is started again when it has ended; a failure is a signal, or an exit code other than 0. */
  restart: z.enum(["always", "on-failure", "never"]).default("always"),
  /** Milliseconds before the first restart in a row, doubled from one to the next, and at most so many. */
  backoff: z.strictObject({ first: milliseconds, most: milliseconds }).default({ first: 100, most: 30_000 }),
  /** Restarts in a row before it is given up. A row ends when a run has lasted for `stable` milliseconds. */
  limit: z.int().min(0).default(10),
  stable: milliseconds.default(10_000),
  /** Milliseconds from SIGTERM to SIGKILL. */
  stopTimeout: milliseconds.default(5000),
});

const configSchema = z.strictObject({
  // Topics are made of the names: logs.NAME.
  programs: z.record(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/), programSchema),
  /** Who may do what; `policy` of sluice/daemon checks it more closely than a schema can: whether the users exist, for example. */
  access: z.custom<PolicyData>((value) => typeof value === "object", "must be an object of roles and rules"),
});

export type ProgramSettings = z.infer<typeof programSchema>;
export type Config = z.infer<typeof configSchema>;

/** Reads and checks the file. Rejects with what is wrong with it. */
export async function readConfig(path: string, signal?: AbortSignal): Promise<Config> {
  return await checkConfig(await readFile(path, "utf8"), signal);
}

/** Checks a configuration, whoever has sent it. Rejects with what is wrong with it. */
export async function checkConfig(source: string, signal?: AbortSignal): Promise<Config> {
  if (Buffer.byteLength(source) > MOST_BYTES)
    throw new RangeError(`a configuration has at most ${MOST_BYTES} bytes`);
  const result = configSchema.safeParse(await parseInSandbox(source, signal));
  if (!result.success) throw new TypeError(z.prettifyError(result.error));
  policy(result.data.access);
  return result.data;
}

// What comes back is checked: the helper is no more to be trusted than what it reads.
const answers = json(
  z.union([z.strictObject({ value: z.unknown() }), z.strictObject({ problem: z.string() })]),
);
type Answer = ReturnType<typeof answers.decode>;
const sources = json<string>();
const codec: Codec<string, Answer> = {
  name: "source and answer",
  encode: (source) => sources.encode(source),
  decode: (bytes) => answers.decode(bytes),
};
// Handed over as an argument, so that the helper's own file need not be in its view.
const helper = readFileSync(new URL("reader.js", import.meta.url), "utf8");

async function parseInSandbox(source: string, signal: AbortSignal | undefined): Promise<unknown> {
  await using sandboxed = spawnSandboxed(process.execPath, ["--input-type=module", "-e", helper], {
    over: "stdio",
    framing: lines(),
    codec,
    maxMessageSize: 4 * MOST_BYTES,
    timeout: 10_000,
    signal,
  });
  await sandboxed.channel.send(source);
  const answer = await sandboxed.channel.receive();
  if ("problem" in answer) throw new SyntaxError(answer.problem);
  return answer.value;
}
