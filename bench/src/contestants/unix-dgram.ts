// unix-dgram: datagrams; the sender waits for 'writable' when the receiver's queue is full.
import { once } from "node:events";
import { createSocket, type Socket } from "unix-dgram";
import type { Contestant, Meeting } from "../sides/contestant.js";

interface DatagramLink {
  readonly socket: Socket;
  /** The other side's path. */
  readonly peer: string;
  take: (message: Buffer) => void;
}

const hostPath = ({ folder }: Meeting): string => `${folder}/host`;
const guestPath = ({ folder }: Meeting): string => `${folder}/guest`;

function open(path: string, peer: string): DatagramLink {
  const link: DatagramLink = {
    peer,
    socket: createSocket("unix_dgram", (message) => link.take(message)),
    take: () => undefined,
  };
  link.socket.bind(path);
  return link;
}

async function send(socket: Socket, message: Buffer): Promise<void> {
  for (;;) {
    let failure: (Error & { code?: unknown }) | undefined;
    socket.send(message, (error) => {
      failure = error;
    });
    if (failure === undefined) return;
    // Its own code for "nothing was sent, try again".
    if (failure.code !== 1) throw failure;
    await once(socket, "writable");
  }
}

const contestant: Contestant<DatagramLink> = {
  guest: "process",
  listen(meeting) {
    const link = open(hostPath(meeting), guestPath(meeting));
    return Promise.resolve({ accept: () => Promise.resolve([link]), close: () => link.socket.close() });
  },
  connect(meeting) {
    const link = open(guestPath(meeting), hostPath(meeting));
    link.socket.connect(link.peer);
    return Promise.resolve(link);
  },
  styles: {
    send: {
      async send({ socket }, source) {
        for (let message = source.next(); message !== undefined; message = source.next()) {
          await send(socket, message);
        }
      },
      receive: (link, sink) =>
        new Promise((resolve) => {
          link.take = (message) => {
            sink.take(message);
            if (sink.over) resolve();
          };
        }),
      ask: (link, ping) =>
        new Promise((resolve, reject) => {
          link.take = (answer) => {
            const question = ping.next(answer);
            if (question === undefined) resolve();
            else send(link.socket, question).catch(reject);
          };
          send(link.socket, ping.first()).catch(reject);
        }),
      answer: (link) =>
        new Promise((_, reject) => {
          let connected = false;
          link.take = (message) => {
            if (!connected) link.socket.connect(link.peer);
            connected = true;
            send(link.socket, message).catch(reject);
          };
        }),
    },
  },
};

export default contestant;
