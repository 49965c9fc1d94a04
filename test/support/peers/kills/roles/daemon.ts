import { appendFileSync } from "node:fs";
import { runDaemon } from "sluice/daemon";
import { serve } from "sluice/rpc";
import { type Role, textOf } from "./plan.js";

/** A daemon that takes the place of the one before it, serves, and gives its place to the next or ends when it is told. */
export const daemonRoles: Readonly<Record<string, Role>> = {
  async daemon(args, stage) {
    const folder = textOf(args, "folder");
    const calls = textOf(args, "calls");
    const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
    const daemon = await runDaemon({
      name: "victim",
      runtimeDirectory: folder,
      handOver: true,
      logger,
      exit: false,
      sockets: { control: {} },
      onStart({ sockets, drain }) {
        drain(
          serve(sockets.control, {
            run(id: string) {
              appendFileSync(calls, `${id}\n`);
              return process.pid;
            },
          }),
        );
      },
    });
    console.log("started");
    void stage.nextLine().then(() => daemon.stop("the test says so"));
    await daemon.finished;
  },
};

function nothing(): void {
  return undefined;
}
