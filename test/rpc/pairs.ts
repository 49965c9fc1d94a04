import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { MemoryChannel, UdpSocket, UnixSocket } from "sluice";
import type { BytesChannel } from "sluice/rpc";
import { type EndOptions, makePair, type Maker } from "../contract/maker.js";
import { maker as anonymousPipe } from "../contract/makers/anonymous-pipe-inherited.js";
import { maker as namedPipe } from "../contract/makers/named-pipe-duplex.js";
import { maker as sharedBuffer } from "../contract/makers/shared-buffer.js";
import { maker as tcp } from "../contract/makers/tcp-socket.js";
import { maker as tls } from "../contract/makers/tcp-socket-tls.js";
import { maker as dgramPair } from "../contract/makers/unix-dgram-pair.native.js";
import { maker as seqpacket } from "../contract/makers/unix-seqpacket.native.js";
import { maker as packageSeqpacket } from "../contract/makers/unix-seqpacket.node-unix-socket.js";
import { maker as stream } from "../contract/makers/unix-stream.js";

/** Both ends of a channel, and what remains to be cleaned up. */
export interface Pair {
  readonly name: string;
  readonly make: (options?: EndOptions) => Promise<readonly [BytesChannel, BytesChannel]>;
}

const folders = new Set<string>();

/** Removes what pairs have left in the file system. */
export function cleanUp(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

function of(maker: Maker): Pair {
  return {
    name: maker.name,
    make: (options = {}) => {
      const folder = mkdtempSync(path.join(tmpdir(), "sluice-rpc-"));
      folders.add(folder);
      return makePair(maker, folder, options);
    },
  };
}

/** Two UDP sockets, each connected to the other. */
const udp: Pair = {
  name: "udp-socket, connected both ways",
  make: async () => {
    const probe = await UdpSocket.bind();
    const { port } = probe.localAddress;
    const first = await UdpSocket.connect({ port });
    await probe.close();
    const localAddress = { host: "127.0.0.1", port };
    const second = await UdpSocket.connect({ port: first.localAddress.port, localAddress });
    return [first, second];
  },
};

export const memory: Pair = {
  name: "memory",
  make: async (options) => MemoryChannel.pair({ ...options, codec: undefined }),
};
export const unixStream: Pair = of(stream);
export const pairs: readonly Pair[] = [
  memory,
  of(anonymousPipe),
  of(namedPipe),
  unixStream,
  of(seqpacket),
  of(packageSeqpacket),
  of(dgramPair),
  { name: "unix stream pair", make: async (options) => UnixSocket.pair({ ...options, codec: undefined }) },
  of(sharedBuffer),
  of(tcp),
  of(tls),
  udp,
];
