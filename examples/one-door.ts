// A counter of words that does not care how its text comes: the URL says it.
//
// Run it with `node one-door.js`, which tries one URL of each kind, or with URLs of your own:
// `node one-door.js unix:/tmp/words.sock tcp://127.0.0.1:4000`. WORDS_URL does the same. For each it starts its own second process,
// prints, and cleans up.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect, json, listen, MessageQueue } from "sluice";

/** A line of a text, or the end of it: not every mechanism has an end of its own. */
type Message = { readonly line: string } | { readonly end: true };

const codec = json<Message>();
const [role, ...rest] = process.argv.slice(2);

if (role === "--send") {
  const [url = ""] = rest;
  await using channel = await connect(url, { codec, timeout: 5000 });
  for (const line of ["one door", "and many rooms", "behind it"]) await channel.send({ line });
  await channel.send({ end: true });
} else {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-one-door-"));
  const configured = process.env["WORDS_URL"];
  const given = role === undefined ? (configured === undefined ? [] : [configured]) : [role, ...rest];
  const queue = `/words-${process.pid}`;
  const all = [
    `unix:${folder}/words.sock?mode=0600&backlog=4`,
    `unix-seqpacket:@words-${process.pid}`,
    `unix-dgram:${folder}/words.dgram`,
    `shm:${folder}/words.shm?capacity=65536`,
    `fifo:${folder}/words.fifo`,
    `mq:${queue}?maxMessages=8`,
    "tcp://127.0.0.1:0",
    "udp://127.0.0.1:0",
  ];
  try {
    for (const url of given.length > 0 ? given : all) console.log(await countWords(url), "words over", url);
  } finally {
    if (given.length === 0) MessageQueue.unlink(queue);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Listens there, has another process send a text, and counts its words. */
async function countWords(url: string): Promise<number> {
  await using opened = await listen(url, { codec });
  const sender = spawn(process.execPath, [import.meta.filename, "--send", withPort(url, opened)], {
    stdio: "inherit",
  });
  const ended = once(sender, "close");
  // A listener where the mechanism has connections, else the channel itself.
  await using channel = "accept" in opened ? await opened.accept({ timeout: 10_000 }) : opened;
  let words = 0;
  for (;;) {
    const message = await channel.receive({ timeout: 10_000 });
    if ("end" in message) break;
    words += message.line.split(" ").length;
  }
  await ended;
  return words;
}

/** The URL with the port that was free, where it asks for any. */
function withPort(url: string, opened: object): string {
  const place =
    "localAddress" in opened ? opened.localAddress : "address" in opened ? opened.address : undefined;
  const port = typeof place === "object" && place !== null && "port" in place ? String(place.port) : "0";
  return url.replace(/^((?:tcp|tls|udp):\/\/.*):0$/, `$1:${port}`);
}
