const { readFileSync } = process.getBuiltinModule("node:fs");

/** The limits of the system that concern queues, as sysctl(8) calls them. */
export type SystemLimit =
  | "fs.mqueue.msg_default"
  | "fs.mqueue.msg_max"
  | "fs.mqueue.msgsize_default"
  | "fs.mqueue.msgsize_max"
  | "fs.mqueue.queues_max"
  | "kernel.msgmax"
  | "kernel.msgmnb"
  | "kernel.msgmni";

/** What the system allows; `undefined` where it does not tell, in a container without /proc/sys for one. */
export function systemLimit(name: SystemLimit): number | undefined {
  try {
    // Without an encoding in the call: with one, Node makes an object whose hidden class nobody else shares (see core/extend.ts), at every call.
    return Number(readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`).toString());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

/** The limit with its value, for an error's text: `fs.mqueue.msg_max is 10`. */
export function describeLimit(name: SystemLimit): string {
  const value = systemLimit(name);
  return value === undefined ? name : `${name} is ${value}`;
}
