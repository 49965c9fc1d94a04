// npm start: carries a real file to a second process over every channel, compares SHA-256 on the other side, and
// measures on the way. `npm start -- FILE` takes another file.
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { routes } from "./carriers.js";
import { examine, type File } from "./file.js";
import { carry, exchangeDatagrams, exchangeSignals, shareMemory, tellMany } from "./rows.js";
import { type Row, Screen } from "./screen.js";
import { killAll } from "./second-process.js";

const screen = new Screen();
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;

async function main(parameters: readonly string[]): Promise<boolean> {
  let file: File;
  try {
    file = examine(fileNamed(parameters));
  } catch (error) {
    console.error(textOf(error));
    return false;
  }
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-tour-"));
  process.once("exit", () => {
    killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      screen.interrupted(signal);
      process.exit(128 + constants.signals[signal]);
    });
  }
  return await tour(file, folder);
}

/** npm runs its scripts in the folder of the package; a relative name is meant from where the user is. */
function fileNamed(parameters: readonly string[]): string {
  const [name, ...more] = parameters;
  if (more.length > 0) throw new Error(`The tour carries one file, received ${parameters.join(" ")}`);
  return name === undefined ? process.execPath : path.resolve(process.env["INIT_CWD"] ?? "", name);
}

async function tour(file: File, folder: string): Promise<boolean> {
  const rows = [
    ...routes.map((route) => ({ name: route.name, measure: () => carry(route, folder, file, screen) })),
    { name: "SharedBuffer broadcast", measure: () => tellMany(folder, file, screen) },
    { name: "SharedBuffer memory", measure: () => shareMemory(file, screen) },
    { name: "UdpSocket", measure: () => exchangeDatagrams(screen) },
    { name: "Signal", measure: () => exchangeSignals(screen) },
  ];
  screen.line(`Carrying ${file.path} (${amount(file.size)}) to a second process over every channel.`);
  screen.line(`SHA-256 here: ${file.sha256}`);
  screen.line();
  screen.head();
  let verified = true;
  for (const { name, measure } of rows) {
    const row = await attempt(name, measure);
    screen.row(row);
    verified &&= row.verified;
  }
  screen.line();
  screen.line(
    "MB/s counts reading here and hashing there; a round trip is the median of many with 64 bytes.",
  );
  screen.line(verified ? "Everything arrived as it was sent." : "Something did not arrive as it was sent.");
  return verified;
}

/** A channel that fails is a row that says so; the others still get their turn. */
async function attempt(mechanism: string, measure: () => Promise<Row>): Promise<Row> {
  screen.progress(mechanism, 0);
  try {
    return await measure();
  } catch (error) {
    screen.line(`${mechanism}: ${textOf(error)}`);
    return { mechanism, verified: false };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function amount(bytes: number): string {
  if (bytes >= 1e7) return `${(bytes / 1e6).toFixed(0)} MB`;
  return bytes >= 1e4 ? `${(bytes / 1e6).toFixed(2)} MB` : `${String(bytes)} bytes`;
}
