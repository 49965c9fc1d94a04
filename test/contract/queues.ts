import { ChannelError, MessageQueue, type MessageQueueIdentity } from "sluice";
import { alreadyOpen, channelOptions, type End, type Maker } from "./maker.js";

/** A queue of its own for each directory, which the first end makes and receives from. */
export function queueMaker(kind: "posix" | "sysv"): Maker {
  // A System V queue is named by the directory itself.
  const identity: MessageQueueIdentity = { kind };
  const nameIn = (directory: string): string =>
    kind === "sysv" ? directory : `/${directory.replaceAll("/", "-")}`;
  return {
    name: `message-queue.${kind}`,
    ways: ["second-to-first"],
    first: async (directory, options) => {
      // Made with the usual limits: those of the options are of this end alone.
      await (await MessageQueue.open(nameIn(directory), { kind, create: true })).close();
      const how = Object.assign(channelOptions(options), { kind, direction: "receive" } as const);
      return alreadyOpen(MessageQueue.open(nameIn(directory), how) as Promise<unknown> as Promise<End>);
    },
    second: (directory, options) => {
      const how = Object.assign(channelOptions(options), { kind, direction: "send" } as const);
      return MessageQueue.open(nameIn(directory), how) as Promise<unknown> as Promise<End>;
    },
    twoProcesses: true,
    receiverSeesEnd: false,
    senderSeesEnd: false,
    largestMessage: 8192,
    holds: 10,
    emptyMessage: "carried",
    workers: true,
    keepsAlive: true,
    capabilities: [kind === "posix" ? "priority" : "type"],
    leaves: [],
    leavesWhenKilled: [],
    remove: (directory) => {
      try {
        MessageQueue.unlink(nameIn(directory), identity);
      } catch (error) {
        // The test has opened none, or has named it by folders below.
        if (!(error instanceof ChannelError && error.code === "ERR_NO_PEER")) throw error;
      }
    },
  };
}
