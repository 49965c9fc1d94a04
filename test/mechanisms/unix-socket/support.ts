import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { Channel } from "../../../src/core/channel.js";
import { ChannelError } from "../../../src/core/errors.js";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A path in a folder of its own, which is removed after the test. */
export function freshPath(name = "s.sock"): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-unix-"));
  folders.push(folder);
  return join(folder, name);
}

/** The error that this fails with; it must be a ChannelError. */
export async function failure(work: () => unknown): Promise<ChannelError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ChannelError) return error;
    throw error;
  }
  throw new Error("It was expected to fail, and did not");
}

/** Waits for a condition that another process brings about, a turn of the event loop at a time. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("The condition did not come about within 10 s");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Whether somebody listens at this path. The file is there sooner: bind(2) makes it, listen(2) comes after. */
export function isListening(path: string): boolean {
  const acceptsConnections = "00010000";
  return readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .some((line) => line.endsWith(` ${path}`) && line.split(" ")[3] === acceptsConnections);
}

/** Destroys channels and waits until they have released everything. */
export async function closeAll(channels: readonly Channel<Uint8Array, Buffer>[]): Promise<void> {
  for (const channel of channels) channel.destroy();
  await Promise.all(channels.map((channel) => channel.closed));
}
