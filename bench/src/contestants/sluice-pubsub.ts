// Topics over a Unix stream to each subscriber.
import { UnixSocket } from "sluice";
import { type Publisher, publisher, type Subscriber, subscriber } from "sluice/pubsub";
import { type Contestant, turn } from "../sides/contestant.js";

type Link = Publisher<Uint8Array> | Subscriber<Buffer>;

const contestant: Contestant<Link> = {
  guest: "process",
  async listen({ folder, guests }) {
    const news = publisher(await UnixSocket.listen(`${folder}/news`), { slow: "wait" });
    return {
      async accept() {
        const ready = (): number => news.subscribers.filter(({ topics }) => topics.length > 0).length;
        while (ready() < guests) await turn();
        return [news];
      },
      close: () => news.close(),
    };
  },
  async connect({ folder }) {
    return subscriber(await UnixSocket.connect(`${folder}/news`), { topics: ["ticks"] });
  },
  styles: {
    pubsub: {
      async publish([link], source) {
        const news = link as Publisher<Uint8Array>;
        for (let message = source.next(); message !== undefined; message = source.next())
          await news.publish("ticks", message);
        await news.close();
      },
      async receive(link, sink) {
        const mine = link as Subscriber<Buffer>;
        while (!sink.over) for (const { message } of await mine.receiveMany()) sink.take(message);
      },
    },
  },
};

export default contestant;
