import { AnonymousPipe, json } from "sluice";
import { converse, type Job, type Trial } from "./trial.js";

/** How this runtime runs a program: a command and its first arguments, given by the test, which knows of emulators and loaders. */
export const command = JSON.parse(process.env["SLUICE_SMOKE_COMMAND"] ?? "[]") as [string, ...string[]];
const echoProgram = new URL("./pipe-echo.js", import.meta.url).pathname;

/** Its second process is a child of its own, which inherits the pipes. */
export const anonymousPipe: Trial = {
  name: "AnonymousPipe",
  first: async (run) => {
    await run.ready();
    const [name, ...args] = command;
    const { channel, exited } = AnonymousPipe.spawn<Job, Job>(name, [...args, echoProgram], {
      codec: json<Job>(),
      stdio: ["ignore", "inherit", "inherit"],
    });
    try {
      await converse(channel, channel, run);
      await channel.close();
    } finally {
      channel.destroy();
    }
    const { code, signal } = await exited;
    if (code !== 0) throw new Error(`the child ended with code ${String(code)}, signal ${String(signal)}`);
  },
  second: async (run) => {
    await run.ready();
  },
};
