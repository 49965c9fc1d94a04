import type { Channel } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { StreamChannel } from "../../core/stream-channel.js";
import {
  fromErrno,
  loadCore,
  S_IFIFO,
  S_IFMT,
  S_IFSOCK,
  SO_TYPE,
  SOCK_STREAM,
  STATUS_LENGTH,
  STATUS_MODE,
} from "../../native/binding.js";
import { openPipe, planPipe } from "../pipe-channel.js";
import type { AnonymousPipeInheritOptions } from "./types.js";

/** Access modes, as O_ACCMODE of open(2) has them. */
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_RDWR = 2;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const NAMES = ["standard input", "standard output"] as const;

type Standard = typeof STDIN | typeof STDOUT;

/** Opens a channel over standard input and output. */
export function openStdio<Out, In>(options: AnonymousPipeInheritOptions<Out, In>): Channel<Out, In> {
  const plan = planPipe("anonymous-pipe", "both", options);
  const core = loadCore();
  const kinds = [kindOf(STDIN, O_RDONLY), kindOf(STDOUT, O_WRONLY)] as const;
  const reader = take(STDIN, O_RDONLY, kinds[STDIN]);
  let writer = -1;
  try {
    writer = take(STDOUT, O_WRONLY, kinds[STDOUT]);
    putInPlace();
  } catch (error) {
    core.close(reader);
    if (writer >= 0) core.close(writer);
    throw error;
  }
  const ends = { mechanism: "anonymous-pipe", operation: "open", reader, writer } as const;
  return openPipe(ends, options.capacity, (stream) => new StreamChannel(stream, extend(options, plan)));
}

/** What this descriptor is. Throws unless somebody can talk to this process through it. */
function kindOf(fd: Standard, access: number): "pipe" | "socket" {
  const core = loadCore();
  const status = new BigInt64Array(STATUS_LENGTH);
  if (core.status(fd, status) < 0) throw notThere(`${NAMES[fd]} is closed`);
  const kind = Number(status[STATUS_MODE]) & S_IFMT;
  const isSocket = kind === S_IFSOCK && core.getOption(fd, SO_TYPE) === SOCK_STREAM;
  if (kind !== S_IFIFO && !isSocket) throw notThere(`${NAMES[fd]} is no pipe and no stream socket`);
  const mode = core.accessMode(fd);
  if (mode !== access && mode !== O_RDWR)
    throw notThere(`${NAMES[fd]} is not open to ${fd === STDIN ? "read" : "write"}`);
  return isSocket ? "socket" : "pipe";
}

/** A descriptor of the channel's own that does not wait. */
function take(fd: Standard, access: number, kind: "pipe" | "socket"): number {
  const core = loadCore();
  // Whether reads and writes wait belongs to the open file, which other processes may share: a pipe can be opened anew, a socket cannot.
  if (kind === "pipe") {
    const opened = core.open(`/proc/self/fd/${fd}`, access, 0);
    if (opened >= 0) return opened;
  }
  const copy = core.duplicate(fd);
  if (copy < 0) throw failed(copy, "fcntl", `take ${NAMES[fd]}`);
  core.setNonBlocking(copy, true);
  return copy;
}

/** So that nobody else reads or writes what is the channel's: standard input is empty from now on, standard output is the error output. */
function putInPlace(): void {
  const core = loadCore();
  const nothing = core.open("/dev/null", O_RDWR, 0);
  if (nothing < 0) throw failed(nothing, "open", "open /dev/null");
  try {
    const replaced = core.replace(nothing, STDIN);
    if (replaced < 0) throw failed(replaced, "dup3", `replace ${NAMES[STDIN]}`);
    if (core.replace(STDERR, STDOUT) >= 0) return;
    // There is no error output.
    const silenced = core.replace(nothing, STDOUT);
    if (silenced < 0) throw failed(silenced, "dup3", `replace ${NAMES[STDOUT]}`);
  } finally {
    core.close(nothing);
  }
}

function failed(result: number, syscall: string, action: string): ChannelError {
  return fromErrno(result, { operation: "open", mechanism: "anonymous-pipe", syscall, action });
}

function notThere(reason: string): ChannelError {
  const text = `Cannot open a channel over standard input and output: ${reason}; this program must be started by one that talks to it, with pipes for both`;
  return new ChannelError("ERR_NO_PEER", text, { operation: "open", mechanism: "anonymous-pipe" });
}
