import type { Channel, Receiver } from "../../core/channel.js";
import { extend } from "../../core/extend.js";
import { type ChannelOptions, checkCount, checkOptions } from "../../core/options.js";
import { PacketChannel } from "../../core/packet-channel.js";
import type { ChannelTraits } from "../../core/traits.js";
import { describe } from "../../core/wait.js";
import { DISPOSITION_DEFAULT, DISPOSITION_IGNORE } from "../../native/binding.js";
import { setDisposition } from "./signal-disposition.js";
import { addHandler, type SignalHandler } from "./signal-handlers.js";
import { checkValue, PACKET_BYTES, signalCodec, type SignalMessage } from "./signal-message.js";
import { checkHandleable, checkSignal } from "./signal-name.js";
import { SignalPeer } from "./signal-peer.js";
import { SignalPort } from "./signal-port.js";
import { sendSignal } from "./signal-send.js";
import { type SignalName, type SignalTable, signalTable } from "./signal-table.js";

/** Options of `Signal.open`. */
export interface SignalOptions {
  /** The process id of the only process to talk with. Without it the channel receives from anybody, and sends nothing. */
  readonly peer?: number | undefined;
  /** How many signals may wait to be sent while the peer's queue is full. */
  readonly sendQueue?: ChannelOptions<SignalMessage, SignalMessage>["sendQueue"];
  /** How many signals may wait for a `receive`; beyond it they wait in a pipe of the kernel, then they are lost and the loss is told. */
  readonly receiveQueue?: ChannelOptions<SignalMessage, SignalMessage>["receiveQueue"];
}

/** Options of `Signal.send`. */
export interface SignalSendOptions {
  /** A whole number of 32 bits that travels with the signal. */
  readonly value?: number | undefined;
}

const OPTIONS: readonly string[] = ["peer", "sendQueue", "receiveQueue"];
const MAX_PID = 2 ** 31 - 1;

const TRAITS: ChannelTraits = {
  mechanism: "signal",
  direction: "both",
  boundaries: "kernel",
  // The kernel delivers the lowest number first; standard signals that wait are one.
  ordered: false,
  reliable: false,
  maxMessageSize: PACKET_BYTES,
  scope: "host",
  peerIdentity: "message",
  persistent: false,
  passesHandles: false,
};

/**
 * Signals: notifications from process to process, each a name and at most one int. See signal(7).
 *
 * - A *standard* signal (SIGHUP, SIGUSR1, …) that is sent again before it was delivered is delivered once: what arrives means "at least one".
 * - A *real-time* signal (SIGRTMIN to SIGRTMIN+30) is delivered as often as it was sent, in order, each time with its value.
 * - Signals concern the whole process: every channel and handler that asked for one, in every thread, gets it.
 * - A signal that nobody asked for does what `Signal.table` says, which mostly is to end the process.
 */
export class Signal {
  private constructor() {
    throw new TypeError("Signal has no instances; use Signal.open(), Signal.on() or Signal.send()");
  }

  /**
   * Opens a channel of signals with one other process, which stays that process even if its pid is used again (pidfd_open(2), Linux 5.3).
   *
   * Only the peer's signals are received. One of these names that comes from somebody else is not a message of this channel; open a
   * second channel without `peer`, or use `Signal.on`, to hear it. Any signal may be sent. When the peer has ended, `send` rejects with `ERR_PEER_DIED`
   * and `receive` with `ERR_END_OF_CHANNEL`, after what the peer had sent before.
   *
   * `send` waits while the peer's queue of signals is full (RLIMIT_SIGPENDING). It fulfils when the kernel has the signal, which does not say that the peer
   * handles it: unless the peer has opened or handles the signal, it does what `Signal.table` says.
   *
   * @param names - the signals to receive; none: the channel only sends
   * @param options - the peer, and the limits of the queues
   * @throws TypeError for an unknown name, SIGKILL and SIGSTOP
   * @throws ChannelError `ERR_NO_PEER`: there is no such process; `ERR_UNSUPPORTED`: SIGCHLD, a signal of a fault, no native core
   * @example
   * ```ts run
   * import { Signal } from "sluice";
   *
   * // A process may be its own peer.
   * await using channel = Signal.open(["SIGRTMIN"], { peer: process.pid });
   * await channel.send({ signal: "SIGRTMIN", value: 42 });
   * const { message, credentials } = await channel.receiveEnvelope();
   * console.log(message.value, credentials?.pid === process.pid); // 42 true
   * ```
   */
  static open(
    names: readonly SignalName[],
    options: SignalOptions & { readonly peer: number },
  ): Channel<SignalMessage>;
  /**
   * Opens a channel that receives signals from anybody; `receiveEnvelope` tells from whom. From now on, and until `close`, they do not do what `Signal.table`
   * says: SIGUSR1 starts no debugger, SIGTERM ends nothing. Listeners of `process.on` hear them as well.
   *
   * `credentials` are the kernel's word when the signal was sent by kill(2). With sigqueue(3), which values need, the kernel takes the sender's word for pid and
   * uid. In either case it lets through only what was sent by root or by the same user (credentials(7)), so the uid decides nothing more.
   * They are absent when the kernel raised the signal itself, and where it had no room to keep the sender: when as many signals wait as RLIMIT_SIGPENDING allows, a standard signal
   * that was sent with a value comes without value and sender.
   *
   * Signals that come while the receive queue is full wait in a pipe of the kernel, about 8,192 of them. What does not fit there is lost, and the
   * receiver in line gets an `ERR_SYSTEM` that says how many.
   *
   * In a worker thread, a `process.on` for the same signal that the main thread adds *later* takes the signal away from the worker.
   *
   * @param names - one signal or more
   * @param options - the limit of the queue
   * @throws TypeError for an unknown name, SIGKILL and SIGSTOP
   * @throws ChannelError `ERR_UNSUPPORTED`: SIGCHLD, a signal of a fault, no native core
   * @example
   * ```ts run
   * import { Signal } from "sluice";
   *
   * await using signals = Signal.open(["SIGHUP", "SIGUSR1"]);
   * Signal.send(process.pid, "SIGHUP");
   * console.log(await signals.receive()); // { signal: "SIGHUP" }
   * ```
   */
  static open(names: readonly SignalName[], options?: SignalOptions): Receiver<SignalMessage>;
  static open(names: readonly SignalName[], options: SignalOptions = {}): Channel<SignalMessage> {
    checkOpenOptions(options);
    if (!Array.isArray(names)) {
      throw new TypeError(`names must be an array of names of signals, received ${describe(names)}`);
    }
    const signals = names.map((name: unknown, index) => checkHandleable(`names[${index}]`, "open", name));
    if (signals.length === 0 && options.peer === undefined) {
      throw new TypeError("names must hold one signal or more, received an empty array and no options.peer");
    }
    const peer =
      options.peer === undefined
        ? undefined
        : new SignalPeer(checkCount("options.peer", options.peer, 1, MAX_PID));
    let port: SignalPort | undefined;
    try {
      port = new SignalPort(signals, peer);
      return new PacketChannel<SignalMessage, SignalMessage>(port, {
        codec: signalCodec,
        sendQueue: options.sendQueue,
        receiveQueue: options.receiveQueue,
        address: peer === undefined ? signals.map(({ name }) => name).join(" ") : `pid ${peer.pid}`,
        traits: extend(TRAITS, {
          direction:
            peer === undefined
              ? ("receive" as const)
              : signals.length === 0
                ? ("send" as const)
                : ("both" as const),
        }),
      });
    } catch (error) {
      port?.abandon();
      peer?.close();
      throw error;
    }
  }

  /**
   * Sends one signal, at once. That it was sent does not say that it is handled: a process that neither handles nor ignores it does what
   * `Signal.table` says. To send more than one to the same process, `Signal.open` with `peer` is safer: it cannot hit another process that got the pid since.
   *
   * With a value it goes by sigqueue(3), else by kill(2). A standard signal that is pending already is not sent again, and the value is lost with it.
   *
   * @param pid - a process id of 1 or more: groups are not addressed
   * @param signal - its name
   * @param options - the value to send along
   * @throws TypeError or RangeError for a wrong argument
   * @throws ChannelError `ERR_NO_PEER`: there is no such process; `ERR_ACCESS_DENIED`: it belongs to another user; `ERR_SYSTEM` with errno EAGAIN: its
   * queue is full (RLIMIT_SIGPENDING); `ERR_UNSUPPORTED`: a value, or a real-time signal, without the native core
   * @example
   * ```ts run
   * import { Signal } from "sluice";
   *
   * await using signals = Signal.open(["SIGUSR1"]);
   * Signal.send(process.pid, "SIGUSR1", { value: 42 });
   * console.log(await signals.receive()); // { signal: "SIGUSR1", value: 42 }
   * ```
   */
  static send(pid: number, signal: SignalName, options: SignalSendOptions = {}): void {
    checkCount("pid", pid, 1, MAX_PID);
    checkOptions(options);
    checkValue("options.value", options.value);
    sendSignal(pid, checkSignal("signal", signal), options.value);
  }

  /**
   * Calls a handler for each signal of this name, on an ordinary stack, until the result is disposed. Then the signal does again what it did before,
   * unless somebody else still listens. Does not keep the process alive, as `process.on` does not.
   *
   * Handlers of one thread are called in the order in which signals arrived. Signals that come faster than handlers run are lost beyond some 8,192;
   * a warning with code `SLUICE_SIGNALS_LOST` says how many.
   *
   * @param signal - its name
   * @param handler - gets the message and who sent it
   * @throws TypeError for an unknown name, SIGKILL and SIGSTOP, and for a handler that is no function
   * @throws ChannelError `ERR_UNSUPPORTED`: SIGCHLD, a signal of a fault, no native core
   * @example
   * ```ts run
   * import { Signal } from "sluice";
   *
   * const registration = Signal.on("SIGHUP", () => {
   *   console.log("rereading the configuration");
   *   registration[Symbol.dispose]();
   * });
   * Signal.send(process.pid, "SIGHUP");
   * await new Promise((resolve) => setTimeout(resolve, 20));
   * ```
   */
  static on(signal: SignalName, handler: SignalHandler): Disposable {
    const { number } = checkHandleable("signal", "handle", signal);
    if (typeof handler !== "function") {
      throw new TypeError(`handler must be a function, received ${describe(handler)}`);
    }
    return addHandler(number, handler);
  }

  /**
   * Lets this process ignore a signal: the kernel discards it. Holds until `Signal.reset`, `Signal.open`, `Signal.on` or `process.on`; when the channels and
   * handlers are closed, it is ignored again. Processes that this one starts begin with the default.
   *
   * @param signal - its name
   * @throws TypeError for an unknown name, SIGKILL and SIGSTOP
   * @throws ChannelError `ERR_ADDRESS_IN_USE`: a channel, a handler or a listener of `process.on` waits for it; `ERR_UNSUPPORTED`: SIGCHLD, a signal of a
   * fault, no native core
   * @example
   * ```ts run
   * import { Signal } from "sluice";
   *
   * Signal.ignore("SIGUSR2");
   * Signal.send(process.pid, "SIGUSR2"); // would end the process
   * ```
   */
  static ignore(signal: SignalName): void {
    setDisposition(checkHandleable("signal", "ignore", signal), DISPOSITION_IGNORE, "ignore");
  }

  /**
   * Lets a signal do what `Signal.table` says, from the next one on. This also undoes what Node sets at its start: after it SIGUSR1 starts no debugger but ends
   * the process, and SIGPIPE ends the process instead of making the write fail.
   *
   * @param signal - its name
   * @throws as `Signal.ignore` does
   * @example
   * ```ts run
   * import { Signal } from "sluice";
   *
   * Signal.ignore("SIGTERM");
   * Signal.reset("SIGTERM"); // ends the process again
   * ```
   */
  static reset(signal: SignalName): void {
    setDisposition(checkHandleable("signal", "reset", signal), DISPOSITION_DEFAULT, "reset");
  }

  /**
   * What is known of each signal of this system: number, meaning, what it does, whether it can be handled, and the keys that send it.
   *
   * @example
   * ```ts run
   * import { Signal } from "sluice";
   *
   * console.log(Signal.table["SIGINT"]?.keys); // Ctrl+C
   * ```
   */
  static get table(): SignalTable {
    return signalTable();
  }
}

function checkOpenOptions(options: SignalOptions): void {
  checkOptions(options);
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(
      `options.${unknown} is no option of Signal.open(), which has ${OPTIONS.join(", ")}: a signal carries a name and an int`,
    );
  }
}
