// How programs write the two sides of a sluice channel. The mechanisms' own files say how it is opened.
import type { Channel } from "sluice";
import type { Host, Style } from "../sides/contestant.js";

/** A channel that carries bytes. */
export type Carrier = Channel<Uint8Array, Buffer>;

/** `await send()` in a loop on one side, `for await` on the other. */
export const each: Style<Carrier> = {
  async send(channel, source) {
    for (let message = source.next(); message !== undefined; message = source.next()) {
      await channel.send(message);
    }
    await channel.flush();
  },
  async receive(channel, sink) {
    for await (const message of channel) {
      sink.take(message);
      if (sink.over) break;
    }
  },
  async publish(channels, source) {
    for (let message = source.next(); message !== undefined; message = source.next()) {
      for (const channel of channels) await channel.send(message);
    }
    await Promise.all(channels.map((channel) => channel.flush()));
  },
  async ask(channel, ping) {
    for (let question: Buffer | undefined = ping.first(); question !== undefined;) {
      await channel.send(question);
      question = ping.next(await channel.receive());
    }
  },
  async answer(channel) {
    for await (const message of channel) await channel.send(message);
  },
};

/** `sendMany()` and `receiveMany()`. */
export const many: Style<Carrier> = {
  async send(channel, source) {
    for (let batch = source.nextBatch(); batch.length > 0; batch = source.nextBatch()) {
      await channel.sendMany(batch);
    }
    await channel.flush();
  },
  async receive(channel, sink) {
    while (!sink.over) {
      for (const message of await channel.receiveMany()) sink.take(message);
    }
  },
  async publish(channels, source) {
    for (let batch = source.nextBatch(); batch.length > 0; batch = source.nextBatch()) {
      const messages = batch;
      await Promise.all(channels.map((channel) => channel.sendMany(messages)));
    }
    await Promise.all(channels.map((channel) => channel.flush()));
  },
};

/** A host whose links come from a listener. */
export function hostOf<C>(
  listener: { accept(): Promise<C>; close(): Promise<void> },
  guests: number,
): Host<C> {
  return {
    async accept() {
      const links: C[] = [];
      while (links.length < guests) links.push(await listener.accept());
      return links;
    },
    close: () => listener.close(),
  };
}
