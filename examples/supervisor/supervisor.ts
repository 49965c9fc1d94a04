// The daemon: node supervisor.js CONFIGURATION. README.md walks through it.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ChannelError, json } from "sluice";
import * as sluice from "sluice/daemon";
import { publisher } from "sluice/pubsub";
import { serve } from "sluice/rpc";
import { type Config, readConfig } from "./config.js";
import { controlMethods, type LogLine } from "./control.js";
import { Counters } from "./counters.js";
import { isAlive } from "./processes.js";
import { Programs } from "./programs.js";
import { State } from "./state.js";

const NAME = "supervisor";
const [configuration = "config.json"] = process.argv.slice(2);

// No program that is started from here on can become more than this user, whatever set-user-ID files it finds.
sluice.noNewPrivileges();

// Others may look into the folder, for their clients must reach the sockets. Whom these let in is the policy's.
const folder = sluice.runtimeDirectory(NAME, { mode: 0o755 });

const access = sluice.policy({ roles: {}, rules: [] }); // until the configuration is read: nobody, nothing
const quota = sluice.quota({
  connections: 64,
  callsInFlight: 32,
  messagesPerSecond: 1000,
  queuedBytes: 8 * 1024 * 1024,
  firstMessageTimeout: 10_000,
});
const audit = sluice.auditLog({ path: join(process.env["LOGS_DIRECTORY"] ?? folder, "audit.log") });
const guarded = sluice.guard({ policy: access, quota, audit });
const metrics = sluice.daemonMetrics({ quota, audit });

// ---- a restart without refusing anybody: the sockets of the supervisor that runs, if there is one ---------------------

const restartSocket = join(folder, "restart.sock");
const taken = await sluice.takeSockets(restartSocket);
const handed = taken && {
  control: await taken.listen("control", guarded.listen),
  logs: await taken.listen("logs", guarded.listen),
};
if (taken !== undefined) {
  await readConfig(configuration); // if it is broken, this one ends here, and the old one goes on
  await taken.ready();
  // From here on clients wait in the backlog, while the old one stops its programs: whose children they are cannot be handed over.
  while (isAlive(taken.predecessor.pid)) await delay(20);
}

// ---- the daemon ---------------------------------------------------------------------------------------------------------

/** Puts a configuration into force. */
let apply: (config: Config) => Promise<void>;
const socket = { ...guarded.listen, mode: 0o666 };

const daemon: sluice.Daemon = await sluice.runDaemon({
  name: NAME,
  runtimeDirectory: folder,
  sockets: (handed === undefined ? { control: socket, logs: socket } : {}) as {
    control: typeof socket;
    logs: typeof socket;
  },
  stopTimeout: 20_000,

  async loadConfig(signal) {
    const config = await readConfig(configuration, signal);
    // The first one is in force before the sockets are there.
    if (access.version === 1) access.replace(config.access);
    return config;
  },

  async onStart({ config, logger, serviceManager, sockets, drain, use, defer }) {
    const control = handed?.control ?? sockets.control;
    const listener = handed?.logs ?? sockets.logs;
    // What is registered first is released last.
    use(audit);
    use(metrics);
    const state = use(new State(folder));
    for (const { pid: survivor, program } of await state.clean())
      logger.warn({ survivor, program }, "killed a process that had outlived its supervisor");
    state.write();
    const counters = use(new Counters(state.counters));
    const lost = (err: unknown): void => {
      // At a hand-over and at the stop listeners are closed under their servers, which is how it is meant.
      const meant = err instanceof ChannelError && err.code === "ERR_CHANNEL_CLOSED";
      if (!meant) logger.warn({ err }, "a client was lost");
    };
    const logs = use(
      publisher(listener, {
        ...guarded.publish,
        codec: json<LogLine>(),
        onError: lost,
      }),
    );

    const programs = new Programs(state.mark, {
      started(program, pid) {
        counters.add({ running: 1, starts: 1 });
        logger.info({ program, child: pid }, "started a program");
        tell();
      },
      ended(program, how) {
        counters.add({ running: -1, failures: how === "code 0" ? 0 : 1 });
        logger.info({ program, how }, "a program has ended");
        tell();
      },
      line(program, line) {
        counters.add({ lines: 1 });
        // A subscriber that is too slow misses lines; nobody waits for it.
        logs.publish(`logs.${program}`, { time: new Date().toISOString(), program, line }).catch(lost);
      },
    });
    defer(() => programs.stop());
    const tell = (): void => void serviceManager.status(`${counters.values.running} programs run`);

    apply = async (wanted) => {
      audit.reopen(); // the old file was rotated away, perhaps
      access.replace(wanted.access);
      logs.reauthorize();
      await programs.apply(wanted.programs);
    };
    await apply(config);

    const health = sluice.healthMethods({
      metrics,
      checks: { programs: () => programs.status.every(({ state }) => state !== "given-up") },
    });
    use(await sluice.serveMetrics(join(folder, "metrics.sock"), health));
    const reload = (): Promise<void> => daemon.reload();
    drain(
      serve(control, controlMethods({ programs, counters, access, health, reload }), {
        ...guarded.serve,
        onError: lost,
      }),
    );
    const offer = drain(await sluice.offerSockets(restartSocket, { control, logs: listener }, { logger }));
    void offer.handedOver.then(({ pid }) => daemon.stop(`pid ${pid} has taken the sockets over`));
  },

  onReload: (config) => apply(config),
});
