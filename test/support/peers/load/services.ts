// What the first process of the soak offers to whoever comes: echoes over every kind of listener, calls behind the daemon kit's guard, publications.
import { setTimeout as delay } from "node:timers/promises";
import { ChannelError, json, type Listener, SharedBuffer, TcpSocket, UnixSocket } from "sluice";
import { auditLog, guard, policy, quota } from "sluice/daemon";
import { publisher } from "sluice/pubsub";
import { serve } from "sluice/rpc";
import type { End } from "../../../contract/maker.js";
import { sizeOf, verify } from "../../../contract/traffic.js";
import { type CallCounts, loadMethods } from "./methods.js";
import { planOf } from "./traffic.js";

/** Where visitors find what. */
export interface Addresses {
  readonly stream: string;
  readonly seqpacket: string;
  readonly ring: string;
  readonly port: number;
  readonly calls: string;
  readonly news: string;
  readonly broadcast: string;
  readonly memory: string;
}

/** What the services have counted. */
export interface ServiceCounts extends CallCounts {
  /** Connections that have come to the echoes. */
  visits: number;
  /** Those of them that are open. */
  open: number;
  /** Messages that were verified and sent back. */
  echoed: number;
  /** Lines of the audit log. */
  audited: number;
  published: number;
}

/** A service that is open. */
export interface Service {
  close(): Promise<void>;
}

/** The largest message of a visitor. */
export const VISITOR_LARGEST = 20_000;

/** Where the services of a folder are; the port is known once they listen. */
export function addressesIn(folder: string, port: number): Addresses {
  const at = (name: string): string => `${folder}/${name}`;
  return {
    stream: at("stream"),
    seqpacket: at("seqpacket"),
    ring: at("ring"),
    port,
    calls: at("calls"),
    news: at("news"),
    broadcast: at("broadcast"),
    memory: `/sluice-soak-${process.pid}`,
  };
}

/** Echoes at all kinds of listeners. The first message of a visitor holds the seed of those that follow: each is verified, then sent back. */
export async function openEchoes(addresses: Addresses, counts: ServiceCounts) {
  const tcp = await TcpSocket.listen({ port: addresses.port });
  const listeners: Listener<End>[] = [
    tcp,
    await UnixSocket.listen(addresses.stream),
    await UnixSocket.listen(addresses.seqpacket, { type: "seqpacket" }),
    await SharedBuffer.listen(addresses.ring, { capacity: 65_536 }),
  ];
  const loops = listeners.map((listener) => welcome(listener, counts));
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
    await Promise.all(loops);
  };
  return { port: tcp.address.port, close };
}

async function welcome(listener: Listener<End>, counts: ServiceCounts): Promise<void> {
  for await (const channel of listener) {
    counts.visits++;
    counts.open++;
    void echo(channel, counts);
  }
}

async function echo(channel: End, counts: ServiceCounts): Promise<void> {
  let sequence = 0;
  try {
    const plan = planOf((await channel.receive()).readUInt32LE(0), VISITOR_LARGEST);
    for (;;)
      for (const message of await channel.receiveMany()) {
        verify(message, sequence, sizeOf(plan, sequence));
        sequence++;
        await channel.send(message);
        counts.echoed++;
      }
  } catch (error) {
    // However a visitor leaves; what came was a whole prefix.
    if (!(error instanceof ChannelError)) throw error;
    const expected = ["ERR_END_OF_CHANNEL", "ERR_PEER_DIED", "ERR_MESSAGE_TRUNCATED", "ERR_CHANNEL_CLOSED"];
    if (!expected.includes(error.code)) throw error;
  } finally {
    channel.destroy();
    await channel.closed;
    counts.open--;
  }
}

/** Calls behind policy, quota and audit log. A call that is done twice, or out of order, ends the process. */
export async function openCalls(addresses: Addresses, counts: ServiceCounts): Promise<Service> {
  const audit = auditLog({
    write: (lines) => {
      counts.audited += lines.split("\n").length - 1;
    },
  });
  const access = policy({
    roles: { us: { uids: [process.geteuid?.() ?? 0] } },
    rules: [{ allow: "us", methods: ["*"], topics: ["*"] }],
  });
  const limits = { connections: 200, callsInFlight: 500 };
  const guarded = guard({ policy: access, quota: quota(limits), audit });
  const last = new WeakMap<object, number>();
  const methods = loadMethods(counts, (channel, n) => {
    const before = last.get(channel) ?? -1;
    if (n <= before) throw new Error(`call ${n} was done after ${before}`);
    last.set(channel, n);
    return n;
  });
  const server = serve(await UnixSocket.listen(addresses.calls, guarded.listen), methods, guarded.serve);
  return {
    close: async () => {
      await server.close({ deadline: 1000 });
      await audit.close();
      if (audit.lost > 0) throw new Error(`${audit.lost} lines of the audit log were lost`);
    },
  };
}

/** Publications of growing numbers to whoever listens: over a socket to each, and over a broadcast. */
export async function openNews(addresses: Addresses, counts: ServiceCounts, random: () => number) {
  const targets = [
    await UnixSocket.listen(addresses.news),
    await SharedBuffer.broadcast(addresses.broadcast, { capacity: 65_536 }),
  ];
  const news = publisher<number>(targets, { codec: json<number>(), queue: { messages: 256 } });
  let stopping = false;
  const publishing = (async () => {
    while (!stopping) {
      const burst = random() < 0.02 ? 2000 : 1 + Math.floor(random() * 20);
      for (let count = 0; count < burst; count++) await news.publish("n.x", counts.published++);
      await delay(20 + random() * 80);
    }
  })();
  return {
    /** No more bursts; each call publishes one number more, and gives how many there were. */
    last: async (): Promise<number> => {
      stopping = true;
      await publishing;
      await news.publish("n.x", counts.published++);
      return counts.published;
    },
    close: () => news.close(),
  };
}
