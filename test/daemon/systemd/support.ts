import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";
import { type Peer, startProgram } from "../../support/child.js";

const folders: string[] = [];
const before = new Map<string, string | undefined>();

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  for (const [name, value] of before) setVariable(name, value);
  before.clear();
});

/** A path in a folder of its own, which is removed after the test. */
export function freshPath(name = "s.sock"): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-daemon-"));
  folders.push(folder);
  return join(folder, name);
}

/** Sets variables of the environment until the test is over; undefined removes one. */
export function setEnvironment(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (!before.has(name)) before.set(name, process.env[name]);
    setVariable(name, value);
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
}

/** One notification, as the receiver has seen it. */
export interface Notification {
  readonly text: string;
  readonly pid: number;
  readonly uid: number;
  readonly files: readonly string[];
}

/** A receiver of notifications in python. */
export async function startReceiver(address: string): Promise<Peer> {
  const program = fileURLToPath(new URL("../../support/peers/daemon/notify-receiver.py", import.meta.url));
  const receiver = startProgram("python3", [program, address]);
  await receiver.expectLine("bound");
  return receiver;
}

/** The next notification of a receiver. */
export async function nextNotification(receiver: Peer): Promise<Notification> {
  return JSON.parse(await receiver.nextLine()) as Notification;
}
