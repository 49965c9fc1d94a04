import type { Listener } from "../core/channel.js";
import { ChannelError, type ErrorCode } from "../core/errors.js";
import { checkMethods } from "../core/options.js";
import type { FrameChannel, Slow } from "./outbox.js";

/** What a publisher is given. */
export type Source = FrameChannel | Listener<FrameChannel>;

/** A channel to whoever listens: it is written once, and waits for nobody. */
export function isBroadcast({ traits }: FrameChannel): boolean {
  return traits.direction === "send" && !traits.reliable;
}

/** Throws for what a publisher cannot write to, or an option that it cannot keep there. */
export function checkSource(source: Source, slow: Slow, retain: number, isAuthorized: boolean): void {
  if (source !== null && typeof source === "object" && "accept" in source) {
    checkMethods("listenerOrChannels", source, ["accept", "close"]);
    return;
  }
  checkMethods("listenerOrChannels", source, ["trySend", "sendMany", "receiveMany", "close"]);
  const { direction } = source.traits;
  if (direction === "receive") throw refusal("the channel only receives");
  if (direction === "both") return;
  if (isAuthorized)
    throw refusal(
      "options.authorize needs channels that go both ways: one that only sends carries all topics",
    );
  if (retain > 0)
    throw refusal(
      "options.retain needs channels that go both ways: over one that only sends, nobody tells that a subscriber has come",
    );
  if (isBroadcast(source) && slow !== "drop-oldest")
    throw refusal(
      `options.slow "${slow}" needs a channel for each subscriber: a broadcast is written once and waits for nobody, so that slow followers miss the oldest messages`,
    );
}

/** Throws for a message that the channel cannot carry. */
export function checkSize({ traits }: FrameChannel, frame: Uint8Array): void {
  if (frame.length <= traits.maxMessageSize) return;
  const text = `the message has ${frame.length} bytes with its topic, the limit of a channel is ${traits.maxMessageSize} (traits.maxMessageSize)`;
  throw publishError("ERR_MESSAGE_TOO_LARGE", "publish", text);
}

function refusal(text: string): ChannelError {
  return publishError("ERR_UNSUPPORTED", "publish", text);
}

/** An error of a publisher. */
export function publishError(code: ErrorCode, operation: string, text: string): ChannelError {
  const message = text.startsWith("Cannot ") ? text : `Cannot ${operation}: ${text}`;
  return new ChannelError(code, message, { operation });
}
