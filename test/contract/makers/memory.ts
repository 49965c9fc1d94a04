import { MemoryChannel } from "sluice";
import { channelOptions, type Maker } from "../maker.js";

const oneProcess = () => Promise.reject(new TypeError("MemoryChannel has both ends in one process"));

export const maker: Maker = {
  name: "memory",
  ways: ["first-to-second", "second-to-first"],
  first: oneProcess,
  second: oneProcess,
  pair: async (options) => MemoryChannel.pair(channelOptions(options)),
  twoProcesses: false,
  receiverSeesEnd: true,
  emptyMessage: "carried",
  workers: true,
  keepsAlive: false,
  capabilities: [],
  leaves: [],
  leavesWhenKilled: [],
};
