import path from "node:path";
import { SharedBuffer } from "sluice";
import { alreadyOpen, channelOptions, type End, type Maker } from "../maker.js";

const pathIn = (directory: string): string => path.join(directory, "broadcast");

export const maker: Maker = {
  name: "broadcast",
  ways: ["first-to-second"],
  reliable: false,
  first: (directory, options) =>
    alreadyOpen(
      SharedBuffer.broadcast(pathIn(directory), channelOptions(options)) as Promise<unknown> as Promise<End>,
    ),
  second: (directory, options) =>
    SharedBuffer.follow(pathIn(directory), channelOptions(options)) as Promise<unknown> as Promise<End>,
  twoProcesses: true,
  receiverSeesEnd: true,
  senderSeesEnd: false,
  emptyMessage: "carried",
  workers: true,
  keepsAlive: true,
  capabilities: [],
  leaves: [],
  leavesWhenKilled: ["broadcast"],
};
