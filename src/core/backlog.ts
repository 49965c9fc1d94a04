import type { Channel } from "./channel.js";

/** What waits to be given to a channel: a queue before the channel's own. */
interface Backlog {
  readonly backlogBytes: number;
}

const backlogs = new WeakMap<Channel<never, unknown>, Backlog>();

/** Says what waits for this channel, so that who counts its bytes sees these too. */
export function setBacklog(channel: Channel<never, unknown>, backlog: Backlog): void {
  backlogs.set(channel, backlog);
}

/** Bytes that calls or publications have for this channel, beside its own queues. */
export function backlogOf(channel: Channel<never, unknown>): number {
  return backlogs.get(channel)?.backlogBytes ?? 0;
}
