import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { ChannelError } from "../../../../src/core/errors.js";
import type { ChannelOptions } from "../../../../src/core/options.js";
import { type UnixSocketChannel, type UnixSocketEngine, UnixSocket } from "../../../../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-packets-"));
let sockets = 0;
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A path that nobody uses. */
export function freshPath(): string {
  return join(folder, `${sockets++}.sock`);
}

export const engines: readonly UnixSocketEngine[] = ["native", "node-unix-socket"];
export const types = ["seqpacket", "dgram"] as const;
export const combinations = engines.flatMap((engine) => types.map((type) => ({ engine, type })));

export type Channel = UnixSocketChannel<Uint8Array, Buffer>;

/** Listens (or binds), starts the other side, and gives this side's channel. */
export async function meet(
  type: "seqpacket" | "dgram",
  engine: UnixSocketEngine,
  start: (path: string) => void,
  options: ChannelOptions<Uint8Array, Buffer> = {},
): Promise<Channel> {
  const path = freshPath();
  if (type === "dgram") {
    const channel = await UnixSocket.bind(path, { engine, allow: "anyone", ...options });
    start(path);
    return channel as unknown as Channel;
  }
  await using listener = await UnixSocket.listen(path, { type, engine, allow: "anyone", ...options });
  start(path);
  return await listener.accept({ timeout: 10_000 });
}

/** The code with which a call fails. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    if (error instanceof ChannelError) return error.code;
    throw error;
  }
}

/** Receives until the channel is over: the messages as text, and the code it ends with. */
export async function receiveAll(channel: Channel): Promise<{ messages: string[]; code: string }> {
  const messages: string[] = [];
  for (;;) {
    try {
      messages.push(String(await channel.receive({ timeout: 10_000 })));
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      return { messages, code: error.code };
    }
  }
}
