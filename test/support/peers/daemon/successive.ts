// A daemon NAME in FOLDER whose second process takes the place of the first. It writes each step to its standard output; with "start-blocks" it never gets ready.
import { subscribe } from "node:diagnostics_channel";
import { createInterface } from "node:readline";
import { type DaemonEvent, runDaemon } from "sluice/daemon";
import { serve } from "sluice/rpc";

const [name = "", folder, behaviour] = process.argv.slice(2);
const input = createInterface({ input: process.stdin });

subscribe("sluice:daemon", (event) => {
  console.log((event as DaemonEvent).step);
});
await runDaemon({
  name,
  runtimeDirectory: folder,
  handOver: true,
  sockets: { control: {} },
  async onStart({ sockets, drain }) {
    drain(
      serve(sockets.control, {
        pid: () => process.pid,
        hold: async () => {
          console.log("held");
          await new Promise((resolve) => input.once("line", resolve));
          return process.pid;
        },
      }),
    );
    if (behaviour === "start-throws") throw new Error("no start today");
    if (behaviour === "start-blocks") {
      console.log("blocks");
      await new Promise(() => undefined);
    }
  },
});
