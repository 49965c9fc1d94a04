import { AnonymousPipe, type FileHandle } from "sluice";
import {
  alreadyOpen,
  type Bequest,
  channelOptions,
  type End,
  type EndOptions,
  type Maker,
} from "../maker.js";

/** The two pipes of a duplex channel, as `AnonymousPipe.spawn` makes them. */
function bequeath(): { first: Bequest; second: Bequest } {
  const down = AnonymousPipe.create();
  const up = AnonymousPipe.create();
  return {
    first: bequest(up.reader.detach(), down.writer.detach()),
    second: bequest(down.reader.detach(), up.writer.detach()),
  };
}

function bequest(reader: FileHandle, writer: FileHandle): Bequest {
  return {
    peerOptions: { extraStdio: [reader.fd, writer.fd], env: { SLUICE_PIPE: "3,4" } },
    claim: () => {
      process.env["SLUICE_PIPE"] = `${reader.take()},${writer.take()}`;
    },
    close: () => {
      reader.close();
      writer.close();
    },
  };
}

const inherit = async (options: EndOptions): Promise<End> => AnonymousPipe.inherit(channelOptions(options));

export const maker: Maker = {
  name: "anonymous-pipe-inherited",
  ways: ["first-to-second", "second-to-first"],
  first: (_directory, options) => alreadyOpen(inherit(options)),
  second: (_directory, options) => inherit(options),
  pair: async (options) => {
    const { first, second } = bequeath();
    first.claim();
    const end = await inherit(options);
    second.claim();
    return [end, await inherit(options)];
  },
  bequeath,
  twoProcesses: true,
  receiverSeesEnd: true,
  emptyMessage: "carried",
  workers: true,
  keepsAlive: true,
  capabilities: [],
  leaves: [],
  leavesWhenKilled: [],
};
