import type { Channel } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { StreamChannel } from "../../core/stream-channel.js";
import { loadCore, S_IFIFO, S_IFMT, STATUS_INODE, STATUS_LENGTH, STATUS_MODE } from "../../native/binding.js";
import { openPipe, planPipe } from "../pipe-channel.js";
import type { AnonymousPipeInheritOptions } from "./types.js";
import { VARIABLE } from "./variable.js";

/** Access modes, as O_ACCMODE of open(2) has them. */
const O_RDONLY = 0;
const O_WRONLY = 1;

/** Opens the channel that the process has been started with. */
export function inheritChannel<Out, In>(options: AnonymousPipeInheritOptions<Out, In>): Channel<Out, In> {
  const plan = planPipe("anonymous-pipe", "both", options);
  const [reader, writer] = namedDescriptors();
  const pipes = [pipeAt(reader, O_RDONLY), pipeAt(writer, O_WRONLY)];
  // Such a pair is one that the runtime uses for itself: the variable has come from further up than the descriptors.
  if (pipes[0] === pipes[1])
    throw notInherited(`descriptors ${reader} and ${writer} are the ends of one pipe`);
  const core = loadCore();
  for (const fd of [reader, writer]) {
    core.setCloseOnExec(fd, true);
    core.adopt(fd);
  }
  // A child of this process must not take them for its own.
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- only `delete` removes a variable
  delete process.env[VARIABLE];
  const ends = { mechanism: "anonymous-pipe", operation: "inherit", reader, writer } as const;
  return openPipe(ends, options.capacity, (stream) => new StreamChannel(stream, extend(options, plan)));
}

function namedDescriptors(): readonly [reader: number, writer: number] {
  const value = process.env[VARIABLE];
  if (value === undefined) {
    throw notInherited(
      `the environment variable ${VARIABLE} is not set; start this program with AnonymousPipe.spawn()`,
    );
  }
  const found = /^(\d{1,7}),(\d{1,7})$/.exec(value);
  if (found === null) {
    throw notInherited(`${VARIABLE} must be two descriptors, such as "3,4", and is ${JSON.stringify(value)}`);
  }
  return [Number(found[1]), Number(found[2])];
}

/** Which pipe this is an end of. Throws unless it is one, open in this direction. */
function pipeAt(fd: number, access: number): bigint | undefined {
  const core = loadCore();
  const status = new BigInt64Array(STATUS_LENGTH);
  const said = `${VARIABLE} names descriptor ${fd}`;
  if (core.status(fd, status) < 0) throw notInherited(`${said}, which is not open`);
  if ((Number(status[STATUS_MODE]) & S_IFMT) !== S_IFIFO) throw notInherited(`${said}, which is no pipe`);
  if (core.accessMode(fd) !== access) {
    throw notInherited(`${said}, which is not open to ${access === O_RDONLY ? "read" : "write"}`);
  }
  return status[STATUS_INODE];
}

function notInherited(reason: string): ChannelError {
  return new ChannelError("ERR_NO_PEER", `Cannot inherit a channel: ${reason}`, {
    operation: "inherit",
    mechanism: "anonymous-pipe",
  });
}
