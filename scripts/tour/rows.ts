import { setTimeout as delay } from "node:timers/promises";
import { SharedBuffer, Signal, UdpSocket, type WaitOptions } from "sluice";
import type { Carrier, Route } from "./carriers.js";
import { BLOCK, blocksOf, type File, piecesOf } from "./file.js";
import type { Announcement, Report } from "./peer.js";
import type { Row, Screen } from "./screen.js";
import { startPeer } from "./second-process.js";

const PINGS = 1000;
const PING_SIZE = 64;
const SIGNAL_ROUNDS = 500;
const CHUNK = 64 * 1024;
/** The ring of the broadcast, in bytes. */
const RING = 8 * 1024 * 1024;
const LOOK_MILLISECONDS = 1;

/** Carries the file over a channel, then measures round trips on it. */
export async function carry(route: Route, folder: string, file: File, screen: Screen): Promise<Row> {
  await using peer = startPeer([route.name, folder], route.spawn);
  const { wait } = peer;
  await peer.line("ready");
  await using channel = await route.connect(folder, wait);
  const messages = messagesOf(file.size, route.messageSize);
  const announcement: Announcement = { messages, pings: PINGS };
  await channel.send(Buffer.from(JSON.stringify(announcement)), wait);
  const begun = performance.now();
  await sendFile(channel, route, file, screen, wait);
  await channel.send(Buffer.from("how was the file?"), wait);
  const report = JSON.parse(String(await channel.receive(wait))) as Report;
  const seconds = (performance.now() - begun) / 1000;
  const roundTrip = await measureRoundTrip(channel, wait);
  await peer.ended();
  return {
    mechanism: route.name,
    messages: report.messages,
    megabytesASecond: report.bytes / 1e6 / seconds,
    roundTrip,
    verified: report.sha256 === file.sha256 && report.messages === messages && report.bytes === file.size,
  };
}

/** Each block of the file is cut into messages by itself, so its last one may be short. */
function messagesOf(size: number, messageSize: number): number {
  const whole = Math.floor(size / BLOCK) * Math.ceil(BLOCK / messageSize);
  return whole + Math.ceil((size % BLOCK) / messageSize);
}

async function sendFile(
  channel: Carrier,
  route: Route,
  file: File,
  screen: Screen,
  wait: WaitOptions,
): Promise<void> {
  let sent = 0;
  for (const block of blocksOf(file.path)) {
    await channel.sendMany(piecesOf(block, route.messageSize), wait);
    sent += block.length;
    screen.progress(route.name, sent / file.size);
  }
}

/** The median time in µs of a question and its answer. */
async function measureRoundTrip(channel: Carrier, wait: WaitOptions): Promise<number> {
  const times: number[] = [];
  for (let ping = 0; ping < PINGS; ping++) {
    const question = Buffer.alloc(PING_SIZE, ping);
    const begun = performance.now();
    await channel.send(question, wait);
    const answer = await channel.receive(wait);
    times.push((performance.now() - begun) * 1000);
    if (!answer.equals(question)) throw new Error(`ping ${String(ping)} came back changed`);
  }
  return median(times);
}

/** Writes the file once, for two processes. A broadcast waits for nobody, but the file must come whole: so it is held back while somebody is far behind. */
export async function tellMany(folder: string, file: File, screen: Screen): Promise<Row> {
  const mechanism = "SharedBuffer broadcast";
  const path = `${folder}/broadcast`;
  await using sender = await SharedBuffer.broadcast(path, { capacity: RING });
  const messages = messagesOf(file.size, CHUNK);
  const start = () => startPeer(["broadcast", path, String(messages)]);
  await using first = start();
  await using second = start();
  const peers = [first, second];
  for (const peer of peers) await peer.line("ready");
  const begun = performance.now();
  let sent = 0;
  for (const block of blocksOf(file.path)) {
    while (sender.lag + block.length > RING / 2) await delay(LOOK_MILLISECONDS);
    await sender.sendMany(piecesOf(block, CHUNK), first.wait);
    sent += block.length;
    screen.progress(mechanism, sent / file.size);
  }
  const reports = await Promise.all(peers.map(async (peer) => JSON.parse(await peer.nextLine()) as Report));
  const seconds = (performance.now() - begun) / 1000;
  for (const peer of peers) await peer.ended();
  return {
    mechanism,
    messages: reports.reduce((sum, report) => sum + report.messages, 0),
    megabytesASecond: reports.reduce((sum, report) => sum + report.bytes, 0) / 1e6 / seconds,
    verified: reports.every(({ sha256, bytes }) => sha256 === file.sha256 && bytes === file.size),
  };
}

/** Lets the second process read the file in memory that both have mapped, a window at a time. */
export async function shareMemory(file: File, screen: Screen): Promise<Row> {
  const mechanism = "SharedBuffer memory";
  const name = `sluice-tour-${String(process.pid)}`;
  using buffer = SharedBuffer.create({ name, size: Math.min(file.size, BLOCK) });
  await using peer = startPeer(["memory", name]);
  await peer.line("ready");
  const begun = performance.now();
  let shown = 0;
  for (const block of blocksOf(file.path)) {
    buffer.bytes.set(block);
    peer.say(String(block.length));
    await peer.line("read");
    shown += block.length;
    screen.progress(mechanism, shown / file.size);
  }
  peer.say("how was the file?");
  const report = JSON.parse(await peer.nextLine()) as Report;
  const seconds = (performance.now() - begun) / 1000;
  await peer.ended();
  return {
    mechanism,
    messages: report.messages,
    megabytesASecond: report.bytes / 1e6 / seconds,
    verified: report.sha256 === file.sha256 && report.bytes === file.size,
  };
}

/** Asks the second process by datagrams, which may be lost where they come too fast: one at a time. */
export async function exchangeDatagrams(screen: Screen): Promise<Row> {
  await using peer = startPeer(["udp", String(PINGS)]);
  const { wait } = peer;
  const port = Number(await peer.nextLine());
  await using channel = await UdpSocket.connect({ port, ...wait });
  const roundTrip = await measureRoundTrip(channel, wait);
  await peer.ended();
  screen.progress("UdpSocket", 1);
  return { mechanism: "UdpSocket", messages: PINGS, roundTrip, verified: true };
}

/** Counts with the second process: each signal carries a number, and each answer the next one. */
export async function exchangeSignals(screen: Screen): Promise<Row> {
  await using peer = startPeer(["signal", String(SIGNAL_ROUNDS)]);
  await using signals = Signal.open(["SIGUSR2"], { peer: peer.pid });
  await peer.line("ready");
  const times: number[] = [];
  const senders = new Set<number | undefined>();
  let counted = 0;
  for (let round = 0; round < SIGNAL_ROUNDS; round++) {
    const begun = performance.now();
    await signals.send({ signal: "SIGUSR2", value: counted }, peer.wait);
    const { message, credentials } = await signals.receiveEnvelope(peer.wait);
    times.push((performance.now() - begun) * 1000);
    if (message.value === counted + 1) counted = message.value;
    senders.add(credentials?.pid);
    screen.progress("Signal", round / SIGNAL_ROUNDS);
  }
  await peer.ended();
  const [sender] = senders;
  return {
    mechanism: `Signal (from pid ${String(sender)})`,
    messages: counted,
    roundTrip: median(times),
    verified: counted === SIGNAL_ROUNDS && senders.size === 1 && sender === peer.pid,
  };
}

function median(times: number[]): number {
  return times.sort((left, right) => left - right)[times.length >> 1] ?? Number.NaN;
}
