// A whole daemon: one instance, a control socket for its own user, a configuration that is reread at SIGHUP, an orderly end.
import { readFile, writeFile } from "node:fs/promises";
import { runDaemon } from "sluice/daemon";
import { serve } from "sluice/rpc";

export interface Methods {
  greet(name: string): Promise<string>;
  count(): Promise<number>;
}

const [configuration = "greeter.json", state = "greeter.state"] = process.argv.slice(2);

await runDaemon({
  name: "greeter",
  sockets: { control: {} },
  async loadConfig() {
    const config = JSON.parse(await readFile(configuration, "utf8")) as { greeting?: unknown };
    if (typeof config.greeting !== "string") throw new TypeError("greeting must be a string");
    return { greeting: config.greeting };
  },
  onStart(context) {
    let count = 0;
    const methods = {
      greet: (name: string) => `${context.config.greeting}, ${name}! (${++count})`,
      count: () => count,
    };
    context.drain(serve(context.sockets.control, methods));
    context.defer(() => writeFile(state, JSON.stringify({ count })));
  },
});
