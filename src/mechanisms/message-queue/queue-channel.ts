import { type AnyChannel, BaseChannel, type MakeIncoming } from "../../core/base-channel.js";
import type { BaseChannelOptions } from "../../core/base-channel-options.js";
import type { SendOptions } from "../../core/channel.js";
import type { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { checkCount, resolveQueueLimits } from "../../core/options.js";
import { DemandIncoming } from "./demand-incoming.js";
import type { MessageQueueChannel, MessageQueueStatus } from "./options.js";
import { QueueOutlet } from "./queue-outlet.js";
import type { QueuePort, QueueSink } from "./queue-port.js";

/** The highest priority: `sysconf(_SC_MQ_PRIO_MAX) - 1`. */
const HIGHEST_PRIORITY = 32_767;

/** A channel over a {@link QueuePort}. */
export class QueueChannel<Out, In> extends BaseChannel<Out, In> implements MessageQueueChannel<Out, In> {
  readonly #port: QueuePort;
  readonly #outlet: QueueOutlet;
  readonly #demand: DemandIncoming<In, AnyChannel>;

  constructor(port: QueuePort, options: BaseChannelOptions<Out, In>) {
    const outlet = new QueueOutlet(port, resolveQueueLimits("sendQueue", options.sendQueue));
    let demand: DemandIncoming<In, AnyChannel> | undefined;
    const limit = options.maxMessageSize ?? options.traits.maxMessageSize;
    const makeIncoming: MakeIncoming<In> = (...parts) => (demand = new DemandIncoming(port, limit, ...parts));
    super(extend(options, { makeIncoming }), outlet, [port.gradeName]);
    this.#port = port;
    this.#outlet = outlet;
    this.#demand = demand as unknown as DemandIncoming<In, AnyChannel>;
    port.start(this.#sink(), this.#demand.wanted);
  }

  override send(message: Out, options?: SendOptions): Promise<void> {
    const wrong = wrongGrade(options);
    return wrong === undefined ? super.send(message, options) : Promise.reject(wrong);
  }

  override sendMany(messages: Iterable<Out>, options?: SendOptions): Promise<void> {
    const wrong = wrongGrade(options);
    return wrong === undefined ? super.sendMany(messages, options) : Promise.reject(wrong);
  }

  stat(): MessageQueueStatus {
    if (this.state === "closed") throw this.error("ERR_CHANNEL_CLOSED", "stat", "this channel is closed");
    return this.#port.stat();
  }

  protected override resumeIncoming(): void {
    // Nothing is read ahead, so reading never stops.
  }

  protected override release(): void {
    this.#port.close();
  }

  protected override setRef(alive: boolean): void {
    this.#port.setRef(alive);
  }

  #sink(): QueueSink {
    return {
      readable: () => {
        this.#demand.readable();
      },
      sent: () => {
        this.#sent();
      },
      ended: () => {
        this.ended(true);
      },
      fail: (error) => {
        this.broken(error);
      },
      released: () => {
        this.released();
      },
    };
  }

  #sent(): void {
    try {
      this.#outlet.proceed();
    } catch (error) {
      this.broken(error as ChannelError);
      return;
    }
    this.outgoing.departed();
    this.outgoing.roomAvailable();
  }
}

/** What is wrong with the priority or type of a message. */
function wrongGrade(options: SendOptions | undefined): Error | undefined {
  if (options === undefined || options === null) return undefined;
  const { priority, type } = options;
  try {
    if (priority !== undefined) checkCount("options.priority", priority, 0, HIGHEST_PRIORITY);
    if (type !== undefined) checkCount("options.type", type, 1, Number.MAX_SAFE_INTEGER);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
