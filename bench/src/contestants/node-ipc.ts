// node-ipc over a Unix socket: JSON with a delimiter, so the payload is a string.
import type { Socket } from "node:net";
import ipc from "node-ipc";
import { once } from "node:events";
import { completed, type Contestant, type Meeting } from "../sides/contestant.js";

interface IpcLink {
  readonly socket: Socket;
  emit(message: string): void;
  on(take: (message: string) => void): void;
}

const EVENT = "message";
const pathOf = ({ folder }: Meeting): string => `${folder}/node-ipc`;

function configure(): void {
  ipc.config.silent = true;
  ipc.config.id = "bench";
  ipc.config.maxRetries = 0;
}

/** node-ipc does not tell when a socket has had enough; the socket itself does. */
async function emitWithin(link: IpcLink, message: string): Promise<void> {
  link.emit(message);
  if (link.socket.writableNeedDrain) await once(link.socket, "drain");
}

const contestant: Contestant<IpcLink> = {
  guest: "process",
  listen: (meeting) =>
    new Promise((resolve) => {
      configure();
      const links: IpcLink[] = [];
      const takers = new Map<Socket, (message: string) => void>();
      ipc.serve(pathOf(meeting), () => {
        const complete = new Promise<IpcLink[]>((accepted) => {
          // A guest says hello: before its first message the server does not tell which socket it is.
          ipc.server.on("hello", (_, socket) => {
            links.push({
              socket,
              emit: (message) => ipc.server.emit(socket, EVENT, message),
              on: (take) => takers.set(socket, take),
            });
            if (links.length === meeting.guests) accepted(links);
          });
          ipc.server.on(EVENT, (message, socket) => takers.get(socket)?.(message));
        });
        resolve({
          accept: async () => {
            const accepted = await complete;
            for (const link of accepted) ipc.server.emit(link.socket, "welcome", "");
            return accepted;
          },
          close: () => ipc.server.stop(),
        });
      });
      ipc.server.start();
    }),
  connect: (meeting) =>
    new Promise((resolve, reject) => {
      configure();
      ipc.connectTo("host", pathOf(meeting), () => {
        const client = ipc.of["host"];
        if (client === undefined) {
          reject(new Error("node-ipc has no client after connectTo()"));
          return;
        }
        client.on("connect", () => client.emit("hello", ""));
        // Messages may come with the welcome, before anybody takes them.
        const early: string[] = [];
        let taker = (message: string): void => void early.push(message);
        client.on(EVENT, (message) => taker(message));
        client.on("welcome", () => {
          resolve({
            socket: client.socket,
            emit: (message) => client.emit(EVENT, message),
            on: (take) => {
              taker = take;
              early.forEach(take);
            },
          });
        });
      });
    }),
  styles: {
    emit: {
      async send(link, source) {
        for (let message = source.nextText(); message !== undefined; message = source.nextText()) {
          await emitWithin(link, message);
        }
        await completed((done) => link.socket.write("", done));
      },
      receive: (link, sink) =>
        new Promise((resolve) => {
          link.on((message) => {
            sink.takeText(message);
            if (sink.over) resolve();
          });
        }),
      async publish(links, source) {
        for (let message = source.nextText(); message !== undefined; message = source.nextText()) {
          for (const link of links) await emitWithin(link, message);
        }
      },
      ask: (link, ping) =>
        new Promise((resolve) => {
          link.on((answer) => {
            const question = ping.nextText(answer);
            if (question === undefined) resolve();
            else link.emit(question);
          });
          link.emit(ping.firstText());
        }),
      answer: (link) =>
        new Promise(() => {
          link.on((message) => link.emit(message));
        }),
    },
  },
};

export default contestant;
