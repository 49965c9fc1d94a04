// A daemon NAME in FOLDER that does what its further arguments say. It writes each step to its standard output.
import { subscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { json, UnixSocket } from "sluice";
import { type DaemonEvent, runDaemon } from "sluice/daemon";
import { serve } from "sluice/rpc";

const [name = "", folder, ...behaviour] = process.argv.slice(2);
const configuration = process.env["DAEMON_CONFIGURATION"];
const does = (what: string): boolean => behaviour.includes(what);

subscribe("sluice:daemon", (event) => {
  const { step, details } = event as DaemonEvent;
  const { code } = details as { code?: number };
  console.log(code === undefined ? step : `${step} ${code}`);
});
const input = createInterface({ input: process.stdin });
const nextLine = (): Promise<string> => new Promise((resolve) => input.once("line", resolve));
let loads = 0;
const never = (): Promise<never> => new Promise(() => undefined);

const daemon = await runDaemon({
  name,
  runtimeDirectory: folder,
  sockets: { control: {}, notes: { type: "dgram", codec: json<string>() } },
  stopTimeout: does("short") ? 100 : 10_000,
  reap: does("reap") ? true : undefined,
  loadConfig: async () => {
    if (does("slow-reload") && loads++ > 0) {
      console.log("loads");
      await nextLine();
    }
    return configuration === undefined ? {} : (JSON.parse(readFileSync(configuration, "utf8")) as object);
  },
  async onStart(context) {
    const { sockets, drain, defer, signal } = context;
    if (does("start-throws")) throw new Error("no start today");
    if (does("start-waits")) {
      console.log("waits");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      signal.throwIfAborted();
    }
    if (does("start-blocks")) {
      console.log("blocks");
      await never();
    }
    drain(
      serve(sockets.control, {
        ping: () => process.pid,
        config: () => context.config,
        hold: async (_: undefined, call) => {
          console.log("held");
          call.signal.addEventListener("abort", () => console.log("cut"));
          return does("hold-for-ever") ? await never() : await nextLine();
        },
      }),
    );
    defer(() => console.log("first registered"));
    defer(() => {
      console.log("last registered");
      if (does("release-throws")) throw new Error("no release today");
    });
  },
  onReload(config) {
    if ("bad" in config) throw new Error("a bad configuration");
  },
  async onStop() {
    console.log("onStop");
    if (does("stop-throws")) throw new Error("no stop today");
    if (does("stop-hangs")) await never();
  },
  onSignal: {
    SIGUSR1: () => {
      if (does("throws")) throw new Error("an action that fails");
      console.log("usr1");
    },
    SIGUSR2: () => {
      if (does("uncaught")) process.nextTick(() => thrower("thrown nowhere"));
      if (does("unhandled")) void Promise.reject(new Error("rejected nowhere"));
    },
  },
});
input.on("line", (line) => {
  if (line === "reload") {
    daemon.reload().then(
      () => console.log("reload fulfils"),
      (error: unknown) => console.log(`reload rejects: ${(error as Error).message}`),
    );
  }
  if (line === "stop") void daemon.stop("a line said so");
});
if (does("lingers")) setInterval(() => undefined, 1000);
if (does("listens")) await UnixSocket.listen(`${folder ?? ""}/other.sock`);
void daemon.finished.then(() => {
  if (!does("keeps-stdin")) process.stdin.destroy();
});

function thrower(text: string): never {
  throw new Error(text);
}
