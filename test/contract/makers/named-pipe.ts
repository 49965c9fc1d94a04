import path from "node:path";
import { NamedPipe } from "sluice";
import { alreadyOpen, channelOptions, type End, type Maker } from "../maker.js";

const pathIn = (directory: string): string => path.join(directory, "fifo");

export const maker: Maker = {
  name: "named-pipe",
  ways: ["second-to-first"],
  first: async (directory, options) => {
    await NamedPipe.create(pathIn(directory));
    const reader = NamedPipe.openReader(pathIn(directory), channelOptions(options));
    return alreadyOpen(reader as Promise<unknown> as Promise<End>);
  },
  second: (directory, options) =>
    NamedPipe.openWriter(pathIn(directory), channelOptions(options)) as Promise<unknown> as Promise<End>,
  twoProcesses: true,
  receiverSeesEnd: true,
  emptyMessage: "carried",
  workers: true,
  keepsAlive: true,
  capabilities: [],
  leaves: ["fifo"],
  leavesWhenKilled: [],
};
