import type { Credentials } from "../../core/channel.js";
import { messageIn, packetOf, type SignalMessage } from "./signal-message.js";
import { SignalSource } from "./signal-source.js";

/**
 * Called for each signal. `credentials` say who sent it, and are absent when the kernel itself did (Ctrl+C, a timer) or had no room to keep it. What it throws is an
 * uncaught exception, as in any listener.
 */
export type SignalHandler = (message: SignalMessage, credentials: Credentials | undefined) => void;

/** One handler that was registered, until it is disposed. */
class Registration implements Disposable {
  readonly handler: SignalHandler;
  readonly number: number;
  isActive = true;

  constructor(number: number, handler: SignalHandler) {
    this.number = number;
    this.handler = handler;
  }

  [Symbol.dispose](): void {
    if (!this.isActive) return;
    this.isActive = false;
    remove(this);
  }
}

// All handlers of a thread share one source, so that signals are told in the order of their arrival, whatever their names.
let source: SignalSource | undefined;
const registrations = new Map<number, Set<Registration>>();

/** Calls the handler for each signal with this number from now on, until the result is disposed. */
export function addHandler(number: number, handler: SignalHandler): Disposable {
  const registration = new Registration(number, handler);
  const others = registrations.get(number);
  if (others !== undefined) {
    others.add(registration);
    return registration;
  }
  const shared = (source ??= openSource());
  try {
    shared.subscribe(number);
  } catch (error) {
    closeIfUnused();
    throw error;
  }
  registrations.set(number, new Set([registration]));
  return registration;
}

function remove(registration: Registration): void {
  const { number } = registration;
  const others = registrations.get(number);
  others?.delete(registration);
  if (others?.size !== 0) return;
  registrations.delete(number);
  source?.unsubscribe(number);
  closeIfUnused();
}

function closeIfUnused(): void {
  if (registrations.size > 0) return;
  source?.close();
  source = undefined;
}

function openSource(): SignalSource {
  const opened = new SignalSource({
    signal: (number, value, sender) => {
      const message = messageIn(packetOf(number, value));
      for (const registration of registrations.get(number) ?? []) call(registration, message, sender);
      return true;
    },
    dropped: (count) => {
      process.emitWarning(
        `${count} ${count === 1 ? "signal was" : "signals were"} lost: they came faster than the handlers of Signal.on() ran`,
        { code: "SLUICE_SIGNALS_LOST" },
      );
    },
    told: () => undefined,
    failed: (error) => {
      process.nextTick(() => {
        throw error;
      });
    },
  });
  // As with process.on: to wait for a signal that may never come is no reason to live.
  opened.setRef(false);
  opened.resume();
  return opened;
}

/** Each call gets a stack of its own: a throw in one keeps nothing from the others. */
function call(registration: Registration, message: SignalMessage, sender: Credentials | undefined): void {
  process.nextTick(() => {
    if (registration.isActive) registration.handler(message, sender);
  });
}
