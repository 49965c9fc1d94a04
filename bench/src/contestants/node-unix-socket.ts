// node-unix-socket as its users call it: one write or send a message, each waiting for its callback.
import { once } from "node:events";
import { DgramSocket, SeqpacketServer, SeqpacketSocket } from "node-unix-socket";
import { completed, type Contestant, type Meeting, type Style } from "../sides/contestant.js";

/** What both kinds of its sockets can do. */
interface PackageLink {
  send(message: Buffer): Promise<void>;
  onMessage(take: (message: Buffer) => void): void;
}

const style: Style<PackageLink> = {
  async send(link, source) {
    for (let message = source.next(); message !== undefined; message = source.next())
      await link.send(message);
  },
  receive: (link, sink) =>
    new Promise((resolve) => {
      link.onMessage((message) => {
        sink.take(message);
        if (sink.over) resolve();
      });
    }),
  ask: (link, ping) =>
    new Promise((resolve, reject) => {
      link.onMessage((answer) => {
        const question = ping.next(answer);
        if (question === undefined) resolve();
        else link.send(question).catch(reject);
      });
      link.send(ping.first()).catch(reject);
    }),
  answer: (link) =>
    new Promise((_, reject) => {
      link.onMessage((message) => void link.send(message).catch(reject));
    }),
};

function overSeqpacket(socket: SeqpacketSocket): PackageLink {
  return {
    send: (message) => completed((done) => socket.write(message, 0, message.length, () => done())),
    onMessage: (take) => void socket.on("data", take),
  };
}

/** Sequenced packets. */
export const seqpacket: Contestant<PackageLink> = {
  guest: "process",
  listen({ folder, guests }) {
    const server = new SeqpacketServer();
    const links: PackageLink[] = [];
    const complete = new Promise<PackageLink[]>((resolve) => {
      server.on("connection", (socket: SeqpacketSocket) => {
        if (links.push(overSeqpacket(socket)) === guests) resolve(links);
      });
    });
    server.listen(`${folder}/packets`);
    return Promise.resolve({ accept: () => complete, close: () => server.close() });
  },
  async connect({ folder }) {
    const socket = new SeqpacketSocket();
    const connected = once(socket, "connect");
    socket.connect(`${folder}/packets`);
    await connected;
    return overSeqpacket(socket);
  },
  styles: { write: style },
};

function overDatagrams(meeting: Meeting, own: string, peer: string): PackageLink & { close(): void } {
  const socket = new DgramSocket();
  const { folder } = meeting;
  socket.bind(`${folder}/${own}`);
  return {
    send: (message) =>
      completed((done) => socket.sendTo(message, 0, message.length, `${folder}/${peer}`, done)),
    onMessage: (take) => void socket.on("data", take),
    close: () => socket.close(),
  };
}

/** Datagrams. */
export const datagrams: Contestant<PackageLink> = {
  guest: "process",
  listen(meeting) {
    const link = overDatagrams(meeting, "host", "guest");
    return Promise.resolve({ accept: () => Promise.resolve([link]), close: () => link.close() });
  },
  connect: (meeting) => Promise.resolve(overDatagrams(meeting, "guest", "host")),
  styles: { send: style },
};
