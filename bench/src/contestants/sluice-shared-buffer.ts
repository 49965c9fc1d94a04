import { SharedBuffer, type SharedBufferChannel } from "sluice";
import type { Contestant, Meeting, Style } from "../sides/contestant.js";
import { rpc } from "./sluice-calls.js";
import { each, hostOf, many } from "./sluice.js";

type Ring = SharedBufferChannel<Uint8Array, Buffer>;

const DEFAULT_CAPACITY = 1024 * 1024;
/** As long as a wait can be with two processors at work; a longer one is not worth a processor. */
const SPIN_MICROSECONDS = 1000;

/** The default, or four messages where that is more, as in the ring in C. */
function capacityFor(size: number): number {
  let capacity = DEFAULT_CAPACITY;
  while (capacity < 4 * size) capacity *= 2;
  return capacity;
}

const spinOf = ({ spin }: Meeting): number => (spin ? SPIN_MICROSECONDS : 0);

/** Small messages are written and looked at where they lie in the ring. */
const visit: Style<Ring> = {
  async send(channel, source) {
    const write = (memory: Buffer, start: number, end: number): number | undefined => {
      if (source.over) return undefined;
      source.fillAt(memory, start);
      return end - start;
    };
    while (!source.over) await channel.sendInPlace(source.size, write);
    await channel.flush();
  },
  async receive(channel, sink) {
    while (!sink.over) await channel.visit((memory, start, end) => sink.takeAt(memory, start, end));
  },
};

/** Large messages are written and read in place. */
const loans: Style<Ring> = {
  async send(channel, source) {
    while (!source.over) {
      const loan = channel.tryLoan(source.size) ?? (await channel.loan(source.size));
      source.fill(loan.bytes);
      loan.commit();
    }
    await channel.flush();
  },
  async receive(channel, sink) {
    while (!sink.over) {
      const loan = await channel.receiveLoan();
      sink.take(loan.bytes);
      loan.release();
    }
  },
};

/** Looks before a side waits as usual; with the peer at work on the other processor a few dozen are enough. */
const LOOKS = 10_000;
/** Exchanges after which the event loop gets a turn. */
const EXCHANGES_A_TURN = 1024;

function look(channel: Ring): Buffer | undefined {
  for (let looks = 0; looks < LOOKS; looks++) {
    const message = channel.tryReceive();
    if (message !== undefined) return message;
  }
  return undefined;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Both sides look for messages in a loop, without a promise for each. */
const polling: Style<Ring> = {
  async ask(channel, ping) {
    let exchanges = 0;
    for (let question: Buffer | undefined = ping.first(); question !== undefined;) {
      if (!channel.trySend(question)) await channel.send(question);
      question = ping.next(look(channel) ?? (await channel.receive()));
      if (++exchanges % EXCHANGES_A_TURN === 0) await turn();
    }
  },
  async answer(channel) {
    let exchanges = 0;
    for await (const first of channel) {
      for (let message: Buffer | undefined = first; message !== undefined;) {
        if (!channel.trySend(message)) await channel.send(message);
        if (++exchanges % EXCHANGES_A_TURN === 0) break;
        message = look(channel);
      }
    }
  },
};

const contestant: Contestant<Ring> = {
  guest: "process",
  async listen(meeting) {
    const listener = await SharedBuffer.listen(`${meeting.folder}/ring`, {
      capacity: capacityFor(meeting.size),
      spin: spinOf(meeting),
    });
    return hostOf(listener, meeting.guests);
  },
  connect: (meeting) => SharedBuffer.connect(`${meeting.folder}/ring`, { spin: spinOf(meeting) }),
  styles: { each, many, visit, loans, polling, rpc },
};

export default contestant;
