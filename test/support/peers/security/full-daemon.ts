// A daemon with all that sluice/daemon has, in FOLDER (its own), with the counters /NAME, for the users 65532 and 65533. Each line of its standard input names a quota that is to be
// exceeded: then it says so. Ends with its standard input, and tells what it has refused.
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { lines, SharedBuffer } from "sluice";
import {
  auditLog,
  guard,
  healthMethods,
  offerSockets,
  policy,
  quota,
  type QuotaName,
  runDaemon,
  serveMetrics,
} from "sluice/daemon";
import { publisher } from "sluice/pubsub";
import { serve } from "sluice/rpc";
import { slowness } from "../../sanitized.js";

const [folder = "", name = ""] = process.argv.slice(2);
const mode = 0o666;
const limits = quota({
  connections: 8,
  callsInFlight: 4,
  queuedBytes: 1_000_000,
  // Fewer where the daemon is too slow for a flood of long ones to come to more.
  messagesPerSecond: 2000 / slowness,
  descriptors: 16,
  firstMessageTimeout: 500,
});
const audit = auditLog({ path: `${folder}/audit.log` });
const access = policy({
  roles: { users: { uids: [65532, 65533] } },
  rules: [{ allow: "users", methods: ["echo", "wait", "count", "open.*"], topics: ["news.*"] }],
});
const guarded = guard({ policy: access, quota: limits, audit });
const counters = SharedBuffer.create({ name: `/${name}`, size: 4096, mode: 0o644 });
const count = new Int32Array(counters.bytes.buffer, counters.bytes.byteOffset, 1);
const methods = {
  echo: ({ text }: { text: string }) => text,
  wait: () => new Promise((resolve) => setTimeout(resolve, 1000)),
  count: () => Atomics.add(count, 0, 1),
  secret: () => "secret",
};
const daemon = await runDaemon({
  name: "full",
  runtimeDirectory: folder,
  sockets: {
    control: { framing: lines(), mode, ...guarded.listen },
    calls: { mode, ...guarded.listen },
    news: { mode, ...guarded.listen },
    files: { framing: lines(), mode, maxHandles: 8, ...guarded.listen },
  },
  logger: { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error },
  async onStart({ sockets, drain, use }) {
    const options = { ...guarded.serve, onError: () => undefined };
    drain(serve(sockets.control, methods, { ...options, protocol: "json-rpc" }));
    drain(serve(sockets.calls, methods, options));
    drain(
      serve(
        use(await SharedBuffer.listen(`${folder}/ring.sock`, { mode, ...guarded.listen })),
        methods,
        options,
      ),
    );
    const news = drain(publisher(sockets.news, { ...guarded.publish, onError: () => undefined }));
    const timer = setInterval(() => void news.publish("news.now", Buffer.from(String(Date.now()))), 20);
    use({ [Symbol.dispose]: () => clearInterval(timer) });
    const users = { allow: { uids: [65532, 65533] }, mode };
    use(await serveMetrics(`${folder}/metrics.sock`, healthMethods(), users));
    use(await offerSockets(`${folder}/restart.sock`, { control: sockets.control }));
    // Keeps all descriptors that come, as far as the quota lets it.
    void (async () => {
      for await (const channel of sockets.files)
        if (!limits.admit(channel)) channel.destroy();
        else
          void (async () => {
            for (;;) limits.keep(channel, (await channel.receiveEnvelope()).handles ?? []);
          })().catch(() => channel.destroy());
    })();
  },
});
console.log("serving");
for await (const line of createInterface({ input: process.stdin })) {
  while (limits.overflows[line as QuotaName] === 0) await delay(10);
  console.log(`${line} was exceeded`);
}
const { overflows } = limits;
await daemon.stop("the test is over");
await audit.close();
console.log(JSON.stringify({ overflows, lost: audit.lost, count: Atomics.load(count, 0) }));
counters[Symbol.dispose]();
