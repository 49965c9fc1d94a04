// node:net as most people use it: a frame for each message, one write each, and Buffer.concat of what came.
import { once } from "node:events";
import { connect, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { completed, type Contestant, type Host, type Meeting } from "../sides/contestant.js";

/** Where the two sides meet: at a path, or at a port of the loopback interface. */
export interface Place {
  /** Where to listen. */
  address(meeting: Meeting): ListenOptions;
  /** Called with the server that listens. */
  opened?(meeting: Meeting, server: Server): void;
  connect(meeting: Meeting): Socket;
}

const pathOf = ({ folder }: Meeting): string => `${folder}/net`;

const atPath: Place = {
  address: (meeting) => ({ path: pathOf(meeting) }),
  connect: (meeting) => connect(pathOf(meeting)),
};

/** Listens and accepts one socket for each guest. */
export async function listen(meeting: Meeting, place: Place = atPath): Promise<Host<Socket>> {
  const server = createServer();
  const sockets: Socket[] = [];
  const complete = new Promise<Socket[]>((resolve) => {
    server.on("connection", (socket) => {
      if (sockets.push(socket) === meeting.guests) resolve(sockets);
    });
  });
  server.listen({ ...place.address(meeting), backlog: 1024 });
  await once(server, "listening");
  place.opened?.(meeting, server);
  return { accept: () => complete, close: () => void server.close() };
}

/** The message behind its length. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(4 + message.length);
  framed.writeUInt32LE(message.length, 0);
  framed.set(message, 4);
  return framed;
}

/** Calls back for each frame that comes. */
export function onFrame(socket: Socket, take: (message: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (bytes.length >= 4) {
      const length = bytes.readUInt32LE(0);
      if (bytes.length < 4 + length) break;
      take(bytes.subarray(4, 4 + length));
      bytes = bytes.subarray(4 + length);
    }
    rest = bytes;
  });
}

/** The contestant at a place. */
export const naiveAt = (place: Place): Contestant<Socket> => ({
  guest: "process",
  listen: (meeting) => listen(meeting, place),
  async connect(meeting) {
    const socket = place.connect(meeting);
    await once(socket, "connect");
    return socket;
  },
  styles: {
    naive: {
      async send(socket, source) {
        for (let message = source.next(); message !== undefined; message = source.next()) {
          if (!socket.write(frame(message))) await once(socket, "drain");
        }
        await completed((done) => socket.write("", done));
      },
      receive: (socket, sink) =>
        new Promise((resolve, reject) => {
          socket.on("error", reject);
          onFrame(socket, (message) => {
            sink.take(message);
            if (sink.over) resolve();
          });
        }),
      async publish(sockets, source) {
        for (let message = source.next(); message !== undefined; message = source.next()) {
          const framed = frame(message);
          for (const socket of sockets) if (!socket.write(framed)) await once(socket, "drain");
        }
        await Promise.all(sockets.map((socket) => completed((done) => socket.write("", done))));
      },
      ask: (socket, ping) =>
        new Promise((resolve, reject) => {
          socket.on("error", reject);
          onFrame(socket, (answer) => {
            const question = ping.next(answer);
            if (question === undefined) resolve();
            else socket.write(frame(question));
          });
          socket.write(frame(ping.first()));
        }),
      answer: (socket) =>
        new Promise((_, reject) => {
          socket.on("error", reject);
          onFrame(socket, (message) => socket.write(frame(message)));
        }),
    },
  },
});

export default naiveAt(atPath);
