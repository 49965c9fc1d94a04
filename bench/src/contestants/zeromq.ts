// ZeroMQ over ipc://: push and pull one way, a pair for round trips, an XPUB that does not drop for fan-out.
import { Pair, Pull, Push, Subscriber, XPublisher } from "zeromq";
import { type Contestant, type Meeting, turn } from "../sides/contestant.js";

/** The sockets of one side; which of them is used depends on the workload. */
type ZeroLink = Pair | Pull | Push | Subscriber | XPublisher;

const addressOf = ({ folder }: Meeting): string => `ipc://${folder}/zeromq`;

/** A publisher that does not drop fails instead of waiting when a subscriber's queue is full; nobody has had the message then. */
async function publish(publisher: ZeroLink | undefined, message: Buffer): Promise<void> {
  for (;;) {
    try {
      await publisher?.send(message);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await turn();
    }
  }
}

const contestant: Contestant<ZeroLink> = {
  guest: "process",
  async listen(meeting) {
    if (meeting.guests > 1) {
      const publisher = new XPublisher({ noDrop: true, verbosity: "allSubs" });
      await publisher.bind(addressOf(meeting));
      return {
        async accept() {
          // Each subscription is told once; what is published before is lost to that subscriber.
          for (let guest = 0; guest < meeting.guests; guest++) await publisher.receive();
          return [publisher];
        },
      };
    }
    const socket = meeting.twoWay ? new Pair() : new Pull();
    await socket.bind(addressOf(meeting));
    return { accept: () => Promise.resolve([socket]) };
  },
  connect(meeting) {
    if (meeting.guests > 1) {
      const subscriber = new Subscriber();
      subscriber.connect(addressOf(meeting));
      subscriber.subscribe();
      return Promise.resolve(subscriber);
    }
    const socket = meeting.twoWay ? new Pair() : new Push();
    socket.connect(addressOf(meeting));
    return Promise.resolve(socket);
  },
  styles: {
    await: {
      async send(socket, source) {
        // A large message is sent without a copy, so its bytes must not be used again.
        for (let message = source.next(); message !== undefined; message = source.next()) {
          await socket.send(Buffer.from(message));
        }
      },
      async receive(socket, sink) {
        for await (const [message] of socket) {
          if (message === undefined) throw new Error("a message without a frame came");
          sink.take(message);
          if (sink.over) return;
        }
      },
      async publish([publisher], source) {
        for (let message = source.next(); message !== undefined; message = source.next()) {
          await publish(publisher, Buffer.from(message));
        }
      },
      async ask(socket, ping) {
        for (let question: Buffer | undefined = ping.first(); question !== undefined;) {
          await socket.send(question);
          const [answer] = await socket.receive();
          if (answer === undefined) throw new Error("an answer without a frame came");
          question = ping.next(answer);
        }
      },
      async answer(socket) {
        for await (const [message] of socket) {
          if (message !== undefined) await socket.send(message);
        }
      },
    },
  },
};

export default contestant;
