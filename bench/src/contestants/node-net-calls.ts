// Calls over node:net with frames as most people write them: birpc, vscode-jsonrpc, and JSON by hand.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createBirpc } from "birpc";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node.js";
import { methods } from "../sides/calls.js";
import type { Contestant, Style } from "../sides/contestant.js";
import { frame, listen, onFrame } from "./node-net.js";

const closed = async (socket: Socket): Promise<void> => {
  await once(socket, "close");
};

const ofBirpc = <Remote extends object>(socket: Socket, functions: object) =>
  createBirpc<Remote>(functions, {
    post: (text: string) => socket.write(frame(Buffer.from(text))),
    on: (take) => {
      onFrame(socket, take);
    },
    serialize: (message) => JSON.stringify(message),
    deserialize: (message: Buffer) => JSON.parse(String(message)) as unknown,
  });

const birpc: Style<Socket> = {
  serve(socket) {
    ofBirpc(socket, methods);
    return closed(socket);
  },
  async call(socket, calls) {
    const client = ofBirpc<typeof methods>(socket, {});
    await calls.run((input) => client.add(input));
  },
};

const vscode = (socket: Socket) =>
  createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));

const vscodeJsonrpc: Style<Socket> = {
  serve(socket) {
    const connection = vscode(socket);
    connection.onRequest("add", methods.add);
    connection.listen();
    return closed(socket);
  },
  async call(socket, calls) {
    const connection = vscode(socket);
    connection.listen();
    await calls.run((input) => connection.sendRequest("add", input));
  },
};

interface Message {
  readonly id: number;
  readonly a: number;
  readonly b: number;
  readonly sum: number;
}
const parse = (bytes: Buffer): Message => JSON.parse(String(bytes)) as Message;

const byHand: Style<Socket> = {
  serve(socket) {
    onFrame(socket, (bytes) => {
      const { id, a, b } = parse(bytes);
      socket.write(frame(Buffer.from(JSON.stringify({ id, sum: a + b }))));
    });
    return closed(socket);
  },
  async call(socket, calls) {
    const waiting = new Map<number, (answer: Message) => void>();
    let id = 0;
    onFrame(socket, (bytes) => {
      const answer = parse(bytes);
      waiting.get(answer.id)?.(answer);
      waiting.delete(answer.id);
    });
    await calls.run(
      ({ a, b }) =>
        new Promise((resolve) => {
          waiting.set(++id, resolve);
          socket.write(frame(Buffer.from(JSON.stringify({ id, a, b }))));
        }),
    );
  },
};

const contestant: Contestant<Socket> = {
  guest: "process",
  listen,
  async connect({ folder }) {
    const socket = connect(`${folder}/net`);
    await once(socket, "connect");
    return socket;
  },
  styles: { birpc, "vscode-jsonrpc": vscodeJsonrpc, "by-hand": byHand },
};

export default contestant;
