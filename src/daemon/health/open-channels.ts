import type { Channel } from "../../core/channel.js";
import type { ChannelStatistics } from "../../core/statistics.js";
import type { Mechanism } from "../../core/traits.js";

/** Sums over all channels of a mechanism. */
export interface ChannelTotals {
  open: number;
  sendQueueBytes: number;
  receiveQueueBytes: number;
  messagesSent: number;
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  dropped: number;
  refused: number;
}

interface ChannelEvent {
  readonly channel: Channel<never, unknown>;
}

/** Follows the channels of this process by its diagnostic events, those that are closed included. */
export class OpenChannels implements Disposable {
  readonly #open = new Set<Channel<never, unknown>>();
  readonly #closed = new Map<Mechanism, ChannelTotals>();
  readonly #subscriptions: readonly (readonly [string, (event: unknown) => void])[];

  constructor() {
    this.#subscriptions = [
      ["sluice:channel:open", (event) => this.#open.add((event as ChannelEvent).channel)],
      [
        "sluice:channel:close",
        (event) => {
          const { channel } = event as ChannelEvent;
          if (this.#open.delete(channel))
            count(totalsIn(this.#closed, channel.traits.mechanism), channel.statistics());
        },
      ],
      [
        "sluice:listener:refuse",
        (event) => totalsIn(this.#closed, (event as { readonly mechanism: Mechanism }).mechanism).refused++,
      ],
    ];
    const { subscribe } = process.getBuiltinModule("node:diagnostics_channel");
    for (const [name, hear] of this.#subscriptions) subscribe(name, hear);
  }

  totals(): ReadonlyMap<Mechanism, ChannelTotals> {
    const all = new Map<Mechanism, ChannelTotals>();
    for (const [mechanism, totals] of this.#closed) all.set(mechanism, Object.assign({}, totals));
    for (const channel of this.#open) {
      const totals = totalsIn(all, channel.traits.mechanism);
      const statistics = channel.statistics();
      totals.open++;
      totals.sendQueueBytes += statistics.sendQueue.bytes;
      totals.receiveQueueBytes += statistics.receiveQueue.bytes;
      count(totals, statistics);
    }
    return all;
  }

  [Symbol.dispose](): void {
    const { unsubscribe } = process.getBuiltinModule("node:diagnostics_channel");
    for (const [name, hear] of this.#subscriptions) unsubscribe(name, hear);
    this.#open.clear();
  }
}

function totalsIn(map: Map<Mechanism, ChannelTotals>, mechanism: Mechanism): ChannelTotals {
  let totals = map.get(mechanism);
  if (totals === undefined) {
    totals = {
      open: 0,
      sendQueueBytes: 0,
      receiveQueueBytes: 0,
      messagesSent: 0,
      messagesReceived: 0,
      bytesSent: 0,
      bytesReceived: 0,
      dropped: 0,
      refused: 0,
    };
    map.set(mechanism, totals);
  }
  return totals;
}

function count(totals: ChannelTotals, statistics: ChannelStatistics): void {
  totals.messagesSent += statistics.messagesSent;
  totals.messagesReceived += statistics.messagesReceived;
  totals.bytesSent += statistics.bytesSent;
  totals.bytesReceived += statistics.bytesReceived;
  for (const dropped of Object.values(statistics.dropped) as number[]) totals.dropped += dropped;
}
