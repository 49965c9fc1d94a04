import path from "node:path";
import { SharedBuffer } from "sluice";
import { acceptOne, channelOptions, type Maker } from "../maker.js";

const pathIn = (directory: string): string => path.join(directory, "meeting-point");

export const maker: Maker = {
  name: "shared-buffer",
  ways: ["first-to-second", "second-to-first"],
  first: async (directory, options) =>
    acceptOne(await SharedBuffer.listen(pathIn(directory), channelOptions(options))),
  second: (directory, options) => SharedBuffer.connect(pathIn(directory), channelOptions(options)),
  twoProcesses: true,
  receiverSeesEnd: true,
  emptyMessage: "carried",
  workers: true,
  keepsAlive: true,
  capabilities: [],
  leaves: [],
  leavesWhenKilled: [],
};
