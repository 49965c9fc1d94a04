import type { Address } from "../core/channel.js";
import { observeWith, type Observer } from "../core/observer.js";
import type { DiagnosticEvents } from "./events.js";

type Name = keyof DiagnosticEvents;

/**
 * Tells what core reports to those who have subscribed to it by `node:diagnostics_channel`, and to the standard error output under
 * `NODE_DEBUG=sluice`. Both wait for the next tick: core reports within native callbacks and half-made objects, where no code of the user may run.
 */
class PublishingObserver implements Observer {
  readonly #channel = process.getBuiltinModule("node:diagnostics_channel").channel;
  readonly #log = process.getBuiltinModule("node:util").debuglog("sluice");
  // Kept here: node forgets a channel that nobody holds and nobody has subscribed to.
  readonly #open = this.#channel("sluice:channel:open");
  readonly #end = this.#channel("sluice:channel:end");
  readonly #error = this.#channel("sluice:channel:error");
  readonly #drop = this.#channel("sluice:channel:drop");
  readonly #close = this.#channel("sluice:channel:close");
  readonly #listen = this.#channel("sluice:listener:open");
  readonly #refuse = this.#channel("sluice:listener:refuse");
  readonly #stop = this.#channel("sluice:listener:close");

  opened(...[channel, address]: Parameters<Observer["opened"]>): void {
    if (this.#isWanted(this.#open)) this.#tell(this.#open, { channel, address });
  }

  ended(...[channel, address]: Parameters<Observer["ended"]>): void {
    if (this.#isWanted(this.#end)) this.#tell(this.#end, { channel, address });
  }

  failed(...[channel, address, error]: Parameters<Observer["failed"]>): void {
    if (this.#isWanted(this.#error)) this.#tell(this.#error, { channel, address, error });
  }

  closed(...[channel, address]: Parameters<Observer["closed"]>): void {
    if (this.#isWanted(this.#close)) this.#tell(this.#close, { channel, address });
  }

  dropped(...[channel, address, cause, count, error]: Parameters<Observer["dropped"]>): void {
    if (this.#isWanted(this.#drop)) this.#tell(this.#drop, { channel, address, cause, count, error });
  }

  listening(...[listener, mechanism]: Parameters<Observer["listening"]>): void {
    if (this.#isWanted(this.#listen)) this.#tell(this.#listen, { listener, mechanism });
  }

  stopped(...[listener, mechanism]: Parameters<Observer["stopped"]>): void {
    if (this.#isWanted(this.#stop)) this.#tell(this.#stop, { listener, mechanism });
  }

  refused(refusal: Parameters<Observer["refused"]>[0]): void {
    if (this.#isWanted(this.#refuse)) this.#tell(this.#refuse, refusal);
  }

  #isWanted(topic: Topic): boolean {
    return topic.hasSubscribers || this.#log.enabled;
  }

  #tell(topic: Topic, event: object): void {
    process.nextTick(() => {
      if (this.#log.enabled) this.#log("%s", lineOf(topic.name as Name, event));
      topic.publish(event);
    });
  }
}

interface Topic {
  readonly name: string | symbol;
  readonly hasSubscribers: boolean;
  publish(event: unknown): void;
}

/** An event in one line. */
function lineOf(name: Name, event: object): string {
  const { channel, listener, mechanism, address, cause, count, error, peer } = event as Partial<
    DiagnosticEvents["sluice:channel:drop"] &
      DiagnosticEvents["sluice:listener:open"] &
      DiagnosticEvents["sluice:listener:refuse"]
  >;
  const parts: string[] = [name.slice("sluice:".length), mechanism ?? channel?.traits.mechanism ?? ""];
  const where: Address | undefined = address ?? listener?.address;
  if (where !== undefined) parts.push(JSON.stringify(where));
  if (count !== undefined) parts.push(`${count} ${cause ?? ""}`);
  // The certificate beside the address of a TLS peer may refer to itself.
  if (peer !== undefined)
    parts.push(JSON.stringify((peer as { remoteAddress?: object }).remoteAddress ?? peer));
  if (error !== undefined) parts.push(error.message);
  if (name === "sluice:channel:close") parts.push(JSON.stringify(channel?.statistics()));
  return parts.join(" ");
}

/** Lets what happens to channels be observed. Nothing is loaded before something happens. */
export function installObserver(): void {
  observeWith(() => new PublishingObserver());
}
