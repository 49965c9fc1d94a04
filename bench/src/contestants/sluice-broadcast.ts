// One writer and all subscribers around one ring in shared memory: bare, and with topics over it.
import { setTimeout as delay } from "node:timers/promises";
import { type BroadcastReceiver, type BroadcastSender, SharedBuffer } from "sluice";
import { type Publisher, publisher, type Subscriber, subscriber } from "sluice/pubsub";
import { type Contestant, type Style, turn } from "../sides/contestant.js";

/** Room for a subscriber that does not get a processor for a while. */
const CAPACITY = 16 * 1024 * 1024;
/** Between two looks at the slowest subscriber. Half a ring takes longer to be read. */
const LOOK_MILLISECONDS = 10;
/** What is published at a time, then the others get a turn. */
const BATCH = 1024;

/** Either side: the host's has a sender, the guests' a receiver. */
interface Link {
  readonly sender?: BroadcastSender<Uint8Array>;
  readonly news?: Publisher<Uint8Array>;
  readonly receiver?: BroadcastReceiver<Buffer>;
  readonly mine?: Subscriber<Buffer>;
}

function given<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("this is the other side");
  return part;
}

/** Every message must come, so the writer waits, which it otherwise never does, while somebody has half a ring to read. */
async function pace(sender: BroadcastSender<Uint8Array>): Promise<void> {
  while (sender.lag > CAPACITY / 2) await delay(LOOK_MILLISECONDS);
}

const many: Style<Link> = {
  async publish([link], source) {
    const sender = given(link?.sender);
    for (let batch = source.nextBatch(); batch.length > 0; batch = source.nextBatch()) {
      await sender.sendMany(batch);
      await turn();
      await pace(sender);
    }
  },
  async receive(link, sink) {
    const receiver = given(link.receiver);
    while (!sink.over) for (const message of await receiver.receiveMany()) sink.take(message);
  },
};

/** What a broadcast is made for: the sender waits for nobody, and who is too slow misses something and is told how much. */
const unpaced: Style<Link> = {
  async publish([link], source) {
    const sender = given(link?.sender);
    for (let batch = source.nextBatch(); batch.length > 0; batch = source.nextBatch()) {
      await sender.sendMany(batch);
      await turn();
    }
  },
  async receive(link, sink) {
    const receiver = given(link.receiver);
    sink.allowMissing();
    while (!sink.over) for (const message of await receiver.receiveMany()) sink.take(message);
    if (sink.missed > receiver.missed)
      throw new Error(`${sink.missed} messages are missing, and ${receiver.missed} were told to be`);
  },
};

const each: Style<Link> = {
  async publish([link], source) {
    const sender = given(link?.sender);
    let count = 0;
    for (let message = source.next(); message !== undefined; message = source.next()) {
      await sender.send(message);
      if (++count % BATCH === 0) await pace(sender);
    }
  },
  async receive(link, sink) {
    for await (const message of given(link.receiver)) {
      sink.take(message);
      if (sink.over) break;
    }
  },
};

const pubsub: Style<Link> = {
  async publish([link], source) {
    const sender = given(link?.sender);
    const news = given(link?.news);
    let count = 0;
    for (let message = source.next(); message !== undefined; message = source.next()) {
      await news.publish("ticks", message);
      if (++count % BATCH === 0) await pace(sender);
    }
  },
  async receive(link, sink) {
    const mine = given(link.mine);
    while (!sink.over) for (const { message } of await mine.receiveMany()) sink.take(message);
  },
};

const contestant: Contestant<Link> = {
  guest: "process",
  async listen({ folder, guests }) {
    const sender = await SharedBuffer.broadcast(`${folder}/broadcast`, { capacity: CAPACITY });
    return {
      async accept() {
        while (sender.followers < guests) await turn();
        return [{ sender, news: publisher(sender) }];
      },
      close: () => sender.close(),
    };
  },
  async connect({ folder }) {
    const receiver = await SharedBuffer.follow(`${folder}/broadcast`);
    return { receiver, mine: subscriber(receiver, { topics: ["ticks"] }) };
  },
  styles: { many, unpaced, each, pubsub },
};

export default contestant;
