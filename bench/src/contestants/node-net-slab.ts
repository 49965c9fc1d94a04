// node:net as an expert would use it: the frames of a batch in one slab and one write, and reads into an own buffer by `onread`.
// Only sockets made by connect() can have `onread`. So the guest knocks at the host's server, and the host connects back to the guest's.
import { once } from "node:events";
import { connect, createServer, type OnReadOpts, type Socket } from "node:net";
import type { Contestant, Meeting } from "../sides/contestant.js";

const SLAB = 64 * 1024;
const doorOf = ({ folder }: Meeting): string => `${folder}/door`;

interface SlabLink {
  readonly socket: Socket;
  take: (message: Buffer) => void;
}

/** Cuts frames out of slabs. Messages are views of a slab, so a full one is replaced, not rewritten. */
class SlabReader {
  readonly #capacity: number;
  readonly #size: number;
  readonly #link: { take: (message: Buffer) => void };
  #slab: Buffer;
  #start = 0;
  #end = 0;

  constructor(size: number, link: { take: (message: Buffer) => void }) {
    this.#size = size;
    this.#capacity = Math.max(SLAB, size + 4);
    this.#slab = Buffer.allocUnsafeSlow(this.#capacity);
    this.#link = link;
  }

  /** Where the next bytes shall go. */
  room(): Buffer {
    const have = this.#end - this.#start;
    const need = have >= 4 ? this.#slab.readUInt32LE(this.#start) + 4 : 4;
    if (this.#capacity - this.#start < need || this.#end === this.#capacity) {
      const next = Buffer.allocUnsafeSlow(this.#capacity);
      this.#slab.copy(next, 0, this.#start, this.#end);
      this.#slab = next;
      this.#start = 0;
      this.#end = have;
    }
    return this.#slab.subarray(this.#end);
  }

  /** Bytes have been put there. */
  filled(count: number): void {
    this.#end += count;
    while (this.#end - this.#start >= 4) {
      const length = this.#slab.readUInt32LE(this.#start);
      if (length > this.#size) throw new Error(`a frame announces ${length} bytes`);
      if (this.#end - this.#start < 4 + length) return;
      const message = this.#slab.subarray(this.#start + 4, this.#start + 4 + length);
      this.#start += 4 + length;
      this.#link.take(message);
    }
  }

  /** Takes bytes that came in memory of their own. */
  feed(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;) {
      const copied = rest.copy(this.room());
      this.filled(copied);
      rest = rest.subarray(copied);
    }
  }
}

const nobody = (): never => {
  throw new Error("a message came before anybody took messages");
};

function connectBack(path: string, size: number): SlabLink {
  const taker: { take: (message: Buffer) => void } = { take: nobody };
  const reader = new SlabReader(size, taker);
  const onread: OnReadOpts = {
    buffer: () => reader.room(),
    callback: (count) => {
      reader.filled(count);
      return true;
    },
  };
  return Object.assign(taker, { socket: connect({ path, onread }) });
}

function writeFrame(slab: Buffer, offset: number, message: Uint8Array): number {
  slab.writeUInt32LE(message.length, offset);
  slab.set(message, offset + 4);
  return offset + 4 + message.length;
}

function sendFrame(socket: Socket, message: Uint8Array): void {
  const slab = Buffer.allocUnsafe(message.length + 4);
  writeFrame(slab, 0, message);
  socket.write(slab);
}

const contestant: Contestant<SlabLink> = {
  guest: "process",
  async listen(meeting) {
    const server = createServer();
    const complete = new Promise<SlabLink[]>((resolve, reject) => {
      server.once("connection", (knock) => {
        knock.on("error", reject);
        knock.once("data", (path) => {
          const link = connectBack(path.toString(), meeting.size);
          link.socket.once("error", reject);
          link.socket.once("connect", () => resolve([link]));
        });
      });
    });
    server.listen(doorOf(meeting));
    await once(server, "listening");
    return { accept: () => complete, close: () => void server.close() };
  },
  async connect(meeting) {
    const path = `${meeting.folder}/back`;
    const server = createServer();
    const taker: { take: (message: Buffer) => void } = { take: nobody };
    const reader = new SlabReader(meeting.size, taker);
    const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
    server.listen(path);
    await once(server, "listening");
    connect(doorOf(meeting)).write(path);
    const socket = await accepted;
    server.close();
    socket.on("data", (chunk) => reader.feed(chunk));
    return Object.assign(taker, { socket });
  },
  styles: {
    slab: {
      async send({ socket }, source) {
        for (let batch = source.nextBatch(); batch.length > 0; batch = source.nextBatch()) {
          const slab = Buffer.allocUnsafeSlow(batch.length * (source.size + 4));
          let offset = 0;
          for (const message of batch) offset = writeFrame(slab, offset, message);
          await new Promise((resolve) => socket.write(slab, resolve));
        }
      },
      receive: (link, sink) =>
        new Promise((resolve, reject) => {
          link.socket.on("error", reject);
          link.take = (message) => {
            sink.take(message);
            if (sink.over) resolve();
          };
        }),
      ask: (link, ping) =>
        new Promise((resolve, reject) => {
          link.socket.on("error", reject);
          link.take = (answer) => {
            const question = ping.next(answer);
            if (question === undefined) resolve();
            else sendFrame(link.socket, question);
          };
          sendFrame(link.socket, ping.first());
        }),
      answer: (link) =>
        new Promise((_, reject) => {
          link.socket.on("error", reject);
          link.take = (message) => sendFrame(link.socket, message);
        }),
    },
  },
};

export default contestant;
