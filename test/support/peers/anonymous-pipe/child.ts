// The child's end of a channel: does what its argument says.
import { spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { AnonymousPipe, ChannelError } from "sluice";

const [what = ""] = process.argv.slice(2);
const channel = AnonymousPipe.inherit();

const scenarios: Record<string, () => Promise<void>> = {
  /** Sends back what comes. */
  echo: async () => {
    for (;;) {
      const messages = await channel.receiveMany().catch(() => []);
      if (messages.length === 0) break;
      await channel.sendMany(messages);
    }
    await channel.close();
  },
  /** Tells what a child of its own would find, and what a second call gives. */
  describe: async () => {
    const pipes = [3, 4].map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
    const links = spawnSync("sh", ["-c", "readlink /proc/self/fd/*; echo ${SLUICE_PIPE-none}"], {
      encoding: "utf8",
    }).stdout.split("\n");
    const inherited = links.filter((link) => pipes.includes(link));
    const variable = links.at(-2);
    let second = "";
    try {
      AnonymousPipe.inherit();
    } catch (error) {
      second = error instanceof ChannelError ? error.code : String(error);
    }
    await channel.send(Buffer.from(JSON.stringify({ inherited, variable, second })));
    await channel.close();
  },
};

await scenarios[what]?.();
