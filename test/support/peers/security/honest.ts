// The honest user of full-daemon.ts: FOLDER ROUNDS. Each round makes new connections and calls over all of them; tells how many calls were answered, what failed and how long the longest took.
import { lines, none, SharedBuffer, UnixSocket } from "sluice";
import { subscriber } from "sluice/pubsub";
import { createClient } from "sluice/rpc";

interface Methods {
  readonly [name: string]: (input: { text: string }) => string;
  echo(input: { text: string }): string;
}

const [folder = "", rounds] = process.argv.slice(2);
const allow = { uids: [65531] };
const options = { allow, timeout: 10_000 };
let answered = 0;
let slowest = 0;
const failed: unknown[] = [];

async function attempt(work: () => Promise<boolean>): Promise<void> {
  const began = performance.now();
  try {
    if (await work()) answered++;
    else failed.push("another answer");
  } catch (error) {
    failed.push(error);
  }
  slowest = Math.max(slowest, performance.now() - began);
}

for (let round = 0; round < Number(rounds); round++) {
  const text = `call ${round}`;
  await attempt(async () => {
    const channel = await UnixSocket.connect(`${folder}/control.sock`, { framing: lines(), ...options });
    await using client = createClient<Methods>(channel, { protocol: "json-rpc" });
    return (await client.echo({ text })) === text;
  });
  await attempt(async () => {
    await using client = createClient<Methods>(await UnixSocket.connect(`${folder}/calls.sock`, options));
    return (await client.echo({ text })) === text;
  });
  await attempt(async () => {
    await using client = createClient<Methods>(await SharedBuffer.connect(`${folder}/ring.sock`, options));
    return (await client.echo({ text })) === text;
  });
  await attempt(async () => {
    const channel = await UnixSocket.connect(`${folder}/news.sock`, options);
    await using news = subscriber(channel, { topics: ["news.now"] });
    return (await news.receive({ timeout: 10_000 })).topic === "news.now";
  });
  await attempt(async () => {
    const channel = await UnixSocket.connect(`${folder}/metrics.sock`, { framing: none(), ...options });
    await channel.send(Buffer.from("GET /health HTTP/1.0\r\n\r\n"));
    const answer = String(await channel.receive({ timeout: 10_000 }));
    channel.destroy();
    return answer.startsWith("HTTP/1.1 200");
  });
}
console.log(JSON.stringify({ answered, slowest, failed: failed.map(String) }));
