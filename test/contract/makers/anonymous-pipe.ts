import { AnonymousPipe } from "sluice";
import { channelOptions, type End, type Maker } from "../maker.js";

const oneProcess = () => Promise.reject(new TypeError("AnonymousPipe.create() has both ends in one process"));

export const maker: Maker = {
  name: "anonymous-pipe",
  ways: ["first-to-second"],
  first: oneProcess,
  second: oneProcess,
  pair: async (options) => {
    const { reader, writer } = AnonymousPipe.create(channelOptions(options));
    return [writer, reader] as readonly unknown[] as readonly [End, End];
  },
  twoProcesses: false,
  receiverSeesEnd: true,
  emptyMessage: "carried",
  workers: true,
  keepsAlive: true,
  capabilities: [],
  leaves: [],
  leavesWhenKilled: [],
};
