import path from "node:path";
import { NamedPipe } from "sluice";
import { channelOptions, type Maker } from "../maker.js";

const pathIn = (directory: string): string => path.join(directory, "fifo");

export const maker: Maker = {
  name: "named-pipe-duplex",
  ways: ["first-to-second", "second-to-first"],
  // The promise of the first fulfils when the second has come.
  first: async (directory, options) => ({
    channel: NamedPipe.openDuplex(pathIn(directory), { ...channelOptions(options), side: "a" }),
  }),
  second: (directory, options) =>
    NamedPipe.openDuplex(pathIn(directory), { ...channelOptions(options), side: "b" }),
  twoProcesses: true,
  receiverSeesEnd: true,
  emptyMessage: "carried",
  workers: true,
  keepsAlive: true,
  capabilities: [],
  leaves: ["fifo.a", "fifo.b"],
  leavesWhenKilled: [],
};
