// A peer that sends garbage, descriptors that nobody asked for, resets and single bytes to every listener, while honest clients go on being served.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  type Channel,
  contentLength,
  json,
  lines,
  SharedBuffer,
  TcpSocket,
  UdpSocket,
  UnixSocket,
  type UnixSocketChannel,
} from "sluice";
import { takeSockets } from "sluice/daemon";
import { createClient } from "sluice/rpc";
import { record, seconds, seed, timeoutFor } from "../../support/campaign.js";
import { Authority } from "../../support/certificates.js";
import { type Peer, startPeer, startProgram } from "../../support/child.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- channels of all kinds of messages are used alike
type AnyChannel = Channel<any, any>;

const duration = seconds(4, 0.2);
const hostile = fileURLToPath(new URL("../../support/peers/fuzz/hostile.py", import.meta.url));
const MOST_MEMORY = 400 * 2 ** 20;
/** Milliseconds that an honest client waits at most for what the service has to do. */
const PATIENCE = 30_000;

interface Ports {
  readonly tcp: number;
  readonly tls: number;
  readonly udp: number;
}
interface State {
  readonly descriptors: number;
  readonly connections: number;
  readonly rss: number;
}

async function stateOf(service: Peer): Promise<State> {
  await service.write("?");
  return JSON.parse(await service.nextLine()) as State;
}

async function echo(channel: AnyChannel, message: unknown): Promise<void> {
  await using used = channel;
  await used.send(message, { timeout: PATIENCE });
  expect(await used.receive({ timeout: PATIENCE })).toEqual(message);
}

async function add(channel: UnixSocketClient, protocol: "compact" | "json-rpc"): Promise<void> {
  await using client = createClient<{ add(input: { a: number; b: number }): number }>(channel, {
    protocol,
    timeout: PATIENCE,
  });
  expect(await client.add({ a: 1, b: 2 })).toBe(3);
}
type UnixSocketClient = UnixSocketChannel<Uint8Array, Buffer>;

/** Datagrams get lost where others flood the receiver: one of several comes back. */
async function echoOne(channel: AnyChannel): Promise<void> {
  await using used = channel;
  const end = performance.now() + PATIENCE;
  for (let number = 0; performance.now() < end; number++) {
    await used.send(Buffer.from(`honest ${number}`), { timeout: PATIENCE }).catch(() => undefined);
    const answer = (await used.receive({ timeout: 200 }).catch(() => undefined)) as Buffer | undefined;
    if (answer?.toString().startsWith("honest") === true) return;
  }
  throw new Error("no datagram has come back");
}

test(
  "garbage, resets and unasked descriptors at every listener harm nobody who is honest",
  async () => {
    using authority = new Authority();
    const { keyFile, certFile } = authority.sign("localhost");
    const folder = mkdtempSync(join(tmpdir(), "sluice-hostile-"));
    const at = (name: string): string => join(folder, name);
    await using service = startPeer("fuzz/service", [folder, keyFile, certFile]);
    const ports = JSON.parse(await service.nextLine()) as Ports;
    const bytes = Buffer.from("honest");
    const host = "127.0.0.1";
    const visits: Record<string, () => Promise<void>> = {
      stream: async () => echo(await UnixSocket.connect(at("stream")), bytes),
      lines: async () =>
        echo(await UnixSocket.connect(at("lines"), { framing: lines(), codec: json() }), { a: [1] }),
      seqpacket: async () => echo(await UnixSocket.connect(at("seqpacket"), { type: "seqpacket" }), bytes),
      plain: async () => echo(await UnixSocket.connect(at("plain"), { type: "seqpacket" }), bytes),
      ring: async () => echo(await SharedBuffer.connect(at("ring")), bytes),
      tcp: async () => echo(await TcpSocket.connect({ host, port: ports.tcp }), bytes),
      tls: async () =>
        echo(
          await TcpSocket.connect({ host: "localhost", port: ports.tls, tls: { ca: authority.ca } }),
          bytes,
        ),
      udp: async () => echoOne(await UdpSocket.connect({ host, port: ports.udp })),
      rpc: async () => add(await UnixSocket.connect(at("rpc")), "compact"),
      "json-rpc": async () =>
        add(await UnixSocket.connect(at("json-rpc"), { framing: contentLength() }), "json-rpc"),
      offered: async () => (await takeSockets(at("hand-over"), { timeout: PATIENCE }))?.[Symbol.dispose](),
    };
    const visitAll = async (): Promise<void> => {
      for (const [name, visit] of Object.entries(visits))
        await visit().catch((error: unknown) => {
          throw new Error(`${name} does not serve an honest client, seed ${seed}; ${service.stderr}`, {
            cause: error,
          });
        });
    };
    await visitAll();
    const before = await stateOf(service);
    await using attack = startProgram("python3", [
      hostile,
      String(seed),
      String(duration),
      folder,
      JSON.stringify(ports),
    ]);
    let isOver = false;
    const attacked = attack.nextLine().finally(() => (isOver = true));
    let rounds = 0;
    do {
      await visitAll();
      rounds++;
    } while (!isOver);
    const figures = JSON.parse(await attacked) as Record<string, number>;
    expect(await attack.exit).toEqual({ code: 0, signal: null });
    await visitAll();
    // What the attack left is let go: the number of descriptors comes back to what it was.
    await expect
      .poll(async () => (await stateOf(service)).descriptors, {
        timeout: PATIENCE,
        interval: 200,
        message: `descriptors of the service, seed ${seed}`,
      })
      .toBeLessThanOrEqual(before.descriptors);
    const { rss } = await stateOf(service);
    expect(rss).toBeLessThan(MOST_MEMORY);
    record("fuzz", "hostile socket peer", {
      ...figures,
      honestVisits: rounds * Object.keys(visits).length,
      findings: 0,
    });
    rmSync(folder, { recursive: true });
  },
  timeoutFor(duration),
);
