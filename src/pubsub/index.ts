/**
 * One to many, over any channel: topics, bounded queues for slow subscribers, and last values for new ones.
 *
 * @packageDocumentation
 */
export type { Slow } from "./outbox.js";
export { publisher } from "./publisher.js";
export { subscriber, type SubscribingChannel } from "./subscriber.js";
export type {
  Publication,
  Publisher,
  PublisherOptions,
  PublisherPeer,
  PublisherTarget,
  PublishingChannel,
  Subscriber,
  SubscriberOptions,
  SubscriptionRequest,
} from "./types.js";
