// The second process of the tour: receives the file, tells its SHA-256, then answers pings until the first has had enough.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { type SendOptions, SharedBuffer, Signal, UdpSocket } from "sluice";
import { type Carrier, routes, timeout } from "./carriers.js";

/** What is told before the file. */
export interface Announcement {
  readonly messages: number;
  readonly pings: number;
}

/** What the second process says of the file. */
export interface Report {
  readonly sha256: string;
  readonly messages: number;
  readonly bytes: number;
}

const [, , what = "", where = "", count = ""] = process.argv;
// The first process may be ended by force: then nobody is left to serve.
const orders = createInterface({ input: process.stdin }).once("close", () => process.exit(1));
if (what === "signal") await answerSignals(Number(where));
else if (what === "udp") await answerDatagrams(Number(where));
else if (what === "memory") await hashMemory(where);
else if (what === "broadcast") await follow(where, Number(count));
else await serve(what, where);
// Nothing may keep a process alive whose channel is closed, except that pipe.
process.stdin.unref();

async function serve(name: string, folder: string): Promise<void> {
  const route = routes.find((candidate) => candidate.name === name);
  if (route === undefined) throw new Error(`there is no route ${name}`);
  const ready = await route.listen(folder);
  console.log("ready");
  await using channel = await ready();
  const announcement = JSON.parse(String(await channel.receive({ timeout }))) as Announcement;
  const report = await receiveFile(channel, announcement.messages);
  await answer(channel, report, announcement.pings, route.answer?.(folder));
}

async function receiveFile(channel: Pick<Carrier, "receiveMany">, expected: number): Promise<Report> {
  const hash = createHash("sha256");
  let messages = 0;
  let bytes = 0;
  while (messages < expected) {
    for (const message of await channel.receiveMany({ max: expected - messages, timeout })) {
      hash.update(message);
      messages++;
      bytes += message.length;
    }
  }
  return { sha256: hash.digest("hex"), messages, bytes };
}

async function answer(
  channel: Carrier,
  report: Report,
  pings: number,
  options: SendOptions | undefined,
): Promise<void> {
  // The first of these questions is "how was the file?".
  for (let left = pings + 1; left > 0; left--) {
    const question = await channel.receive({ timeout });
    const reply = left > pings ? Buffer.from(JSON.stringify(report)) : question;
    await channel.send(reply, options);
  }
  await channel.flush();
}

async function answerDatagrams(rounds: number): Promise<void> {
  await using socket = await UdpSocket.bind();
  console.log(socket.localAddress.port);
  for (let round = 0; round < rounds; round++) {
    const { message, from } = await socket.receiveEnvelope({ timeout });
    await socket.send(message, { to: from });
  }
}

async function answerSignals(rounds: number): Promise<void> {
  await using signals = Signal.open(["SIGUSR2"], { peer: process.ppid });
  console.log("ready");
  for (let round = 0; round < rounds; round++) {
    const { signal, value = 0 } = await signals.receive({ timeout });
    await signals.send({ signal, value: value + 1 });
  }
}

async function follow(path: string, messages: number): Promise<void> {
  await using channel = await SharedBuffer.follow(path, { timeout });
  console.log("ready");
  console.log(JSON.stringify(await receiveFile(channel, messages)));
}

/** The first process puts a part of the file into the memory and says how long it is. */
async function hashMemory(name: string): Promise<void> {
  using buffer = SharedBuffer.open(name);
  const lines = orders[Symbol.asyncIterator]();
  console.log("ready");
  const hash = createHash("sha256");
  const report = { messages: 0, bytes: 0 };
  for (;;) {
    const line = await lines.next();
    const length = Number(line.value);
    if (Number.isNaN(length)) break;
    hash.update(buffer.bytes.subarray(0, length));
    report.messages++;
    report.bytes += length;
    console.log("read");
  }
  console.log(JSON.stringify({ sha256: hash.digest("hex"), ...report } satisfies Report));
}
