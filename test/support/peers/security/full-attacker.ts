// Another user, who tries all that full-daemon.ts should keep from him: FOLDER COUNTERS PID. Tells the outcomes as JSON; "refused": the connection has ended before an answer.
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { ChannelError, lines, none, SharedBuffer, UnixSocket } from "sluice";
import { runDaemon, takeSockets } from "sluice/daemon";
import { subscriber } from "sluice/pubsub";
import { createClient } from "sluice/rpc";

const [folder = "", counters = "", pid = ""] = process.argv.slice(2);
const options = { allow: { uids: [65531] }, timeout: 10_000 };
const outcomes: Record<string, string> = {};

async function attempt(what: string, work: () => unknown): Promise<void> {
  try {
    await work();
    outcomes[what] = "worked";
  } catch (thrown) {
    // Where leaving the scope has failed, too, what came first counts.
    const error = (thrown as { readonly suppressed?: unknown }).suppressed ?? thrown;
    const { code } = error as NodeJS.ErrnoException;
    const hasEnded =
      error instanceof ChannelError && (code === "ERR_END_OF_CHANNEL" || code === "ERR_PEER_DIED");
    outcomes[what] = hasEnded ? "refused" : (code ?? String(error));
  }
}

for (const method of ["echo", "secret", "__proto__", "constructor"])
  await attempt(`call ${method}`, async () => {
    const channel = await UnixSocket.connect(`${folder}/control.sock`, { framing: lines(), ...options });
    const request = { jsonrpc: "2.0", id: 1, method, params: { text: "x" } };
    await channel.send(Buffer.from(JSON.stringify(request)));
    const { error } = JSON.parse(String(await channel.receive(options))) as {
      error?: { data?: { code?: string } };
    };
    channel.destroy();
    if (error !== undefined)
      throw Object.assign(new Error(JSON.stringify(error)), {
        code: error.data?.code ?? JSON.stringify(error),
      });
  });
for (const [what, topic] of [
  ["news", "news.now"],
  ["all", "*"],
  ["other", "other"],
] as const)
  await attempt(`hear ${what}`, async () => {
    await using news = subscriber(await UnixSocket.connect(`${folder}/news.sock`, options), {
      topics: [topic],
    });
    await news.receive(options);
  });
await attempt("ring", async () => {
  const channel = await SharedBuffer.connect(`${folder}/ring.sock`, options);
  await using client = createClient<{ echo(input: { text: string }): string }>(channel);
  await client.echo({ text: "x" });
});
await attempt("metrics", async () => {
  const channel = await UnixSocket.connect(`${folder}/metrics.sock`, { framing: none(), ...options });
  await channel.send(Buffer.from("GET /metrics HTTP/1.0\r\n\r\n"));
  await channel.receive(options);
  channel.destroy();
});
await attempt("restart", () => takeSockets(`${folder}/restart.sock`, options));
await attempt("restart-lock", () => closeSync(openSync(`${folder}/restart.sock.lock`, "r")));
await attempt("counters-write", () => SharedBuffer.open(`/${counters}`, { allow: "anyone" }));
await attempt("counters-remove", () => SharedBuffer.unlink(`/${counters}`));
await attempt("counters-read", () => readFileSync(`/dev/shm/${counters}`));
await attempt("counters-cut", () => truncateSync(`/dev/shm/${counters}`));
await attempt("counters-file", () => writeFileSync(`/dev/shm/${counters}`, "x"));
await attempt("pid-read", () => readFileSync(`${folder}/full.pid`));
await attempt("pid-write", () => writeFileSync(`${folder}/full.pid`, "1"));
await attempt("pid-remove", () => unlinkSync(`${folder}/full.pid`));
await attempt("pid-lock", () => closeSync(openSync(`${folder}/full.pid.lock`, "r")));
await attempt("audit-read", () => readFileSync(`${folder}/audit.log`));
await attempt("audit-write", () => writeFileSync(`${folder}/audit.log`, "x", { flag: "a" }));
await attempt("audit-remove", () => renameSync(`${folder}/audit.log`, `${folder}/audit.log.1`));
await attempt("audit-link", () => linkSync(`${folder}/audit.log`, `${folder}/copy`));
await attempt("second instance", () => runDaemon({ name: "full", runtimeDirectory: folder, exit: false }));
await attempt("replace socket", () => renameSync(`${folder}/control.sock`, `${folder}/control.old`));
await attempt("signal", () => process.kill(Number(pid), "SIGTERM"));
await attempt("memory", () => readFileSync(`/proc/${pid}/mem`));
await attempt("descriptors", () => readlinkSync(`/proc/${pid}/fd/0`));
console.log(JSON.stringify(outcomes));
process.exit();
