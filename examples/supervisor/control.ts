// The methods of the control socket. `Control` is their type: a client that is made with it is checked by the compiler, names, inputs and results.
import type { Daemon, HealthMethods, Policy } from "sluice/daemon";
import { method } from "sluice/rpc";
import { z } from "zod";
import { checkConfig } from "./config.js";
import type { Counters } from "./counters.js";
import type { Programs } from "./programs.js";

/** What the methods work with. */
export interface ControlParts {
  readonly programs: Programs;
  readonly counters: Counters;
  readonly access: Policy;
  readonly health: HealthMethods;
  readonly reload: Daemon["reload"];
}

const program = z.string().max(32);
const source = z.string().max(64 * 1024);

export function controlMethods({ programs, counters, access, health, reload }: ControlParts) {
  return {
    ...health,
    status: () => ({ pid: process.pid, counters: counters.name, programs: programs.status }),
    start: method({ input: program }, (name) => programs.get(name).start()),
    stop: method({ input: program }, (name) => programs.get(name).stop()),
    restart: method({ input: program }, async (name) => {
      await programs.get(name).stop();
      return await programs.get(name).start();
    }),
    /** Reads the configuration again, as SIGHUP does, and tells what is wrong with it. */
    reload: () => reload(),
    /** Tells what would be wrong with a configuration, which is read in the sandbox; nothing is taken over. */
    check: method({ input: source }, async (text, { signal }) => {
      try {
        await checkConfig(text, signal);
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        return String(error);
      }
    }),
    /** Tells the caller whether it may call a method, and why. */
    why: method({ input: z.string().max(64) }, (name, { peer }) => access.explain(peer, name).reason),
  };
}

export type Control = ReturnType<typeof controlMethods>;

/** A line of a program's output, as it is published to the topic `logs.PROGRAM`. */
export interface LogLine {
  readonly time: string;
  readonly program: string;
  readonly line: string;
}
