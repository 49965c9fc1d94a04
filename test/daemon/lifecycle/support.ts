import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { createClient, type Client } from "../../../src/rpc/index.js";
import { type Peer, type PeerOptions, startPeer } from "../../support/child.js";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder of its own, which is removed after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-daemon-"));
  folders.push(folder);
  return folder;
}

/** Starts the daemon `life` in a folder, and waits until it has started. */
export async function startDaemon(
  folder: string,
  behaviour: readonly string[] = [],
  options: PeerOptions = {},
): Promise<Peer> {
  const peer = startPeer("daemon/life", ["life", folder, ...behaviour], options);
  await expectLines(peer, ["starting", "listening", "listening", "started"]);
  return peer;
}

/** Takes the next lines, which must be these. */
export async function expectLines(peer: Peer, lines: readonly string[]): Promise<void> {
  for (const line of lines) await peer.expectLine(line);
}

/** The lines that are left, up to the end of the process. */
export async function rest(peer: Peer): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of peer.lines) lines.push(line);
  return lines;
}

/** The messages of the log so far, with their levels. */
export function logOf(peer: Peer): string[] {
  return peer.stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => {
      const { level, msg } = JSON.parse(line) as { level: string; msg: string };
      return `${level} ${msg}`;
    });
}

interface Life {
  readonly [name: string]: (input?: unknown) => unknown;
  ping(): number;
  config(): object;
  hold(): Promise<string>;
}

/** Calls the daemon's methods. */
export async function connect(folder: string): Promise<Client<Life>> {
  return createClient<Life>(await UnixSocket.connect(join(folder, "control.sock")));
}

/** What the daemon says when it stops with nothing to wait for. */
export const orderly: readonly string[] = [
  "stopping",
  "drained",
  "onStop",
  "last registered",
  "first registered",
  "stopped 0",
];
