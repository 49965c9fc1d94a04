// A MessagePort between two threads: the one contestant inside a single process. A port has no backpressure, so the
// receiver acknowledges, and the sender keeps a window, as a program would have to that must not grow without bound.
import { once } from "node:events";
import type { MessagePort } from "node:worker_threads";
import type { Contestant } from "../sides/contestant.js";

const WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOW_MESSAGES = 4096;

/** Every how many messages the receiver acknowledges: four times a window. */
const stepOf = (size: number): number =>
  Math.max(1, Math.floor(Math.min(WINDOW_MESSAGES, WINDOW_BYTES / size) / 4));

class Window {
  readonly #port: MessagePort;
  readonly #most: number;
  #outstanding = 0;

  constructor(port: MessagePort, size: number) {
    this.#port = port;
    this.#most = stepOf(size) * 4;
    port.on("message", (count: number) => {
      this.#outstanding -= count;
    });
  }

  async send(message: Buffer): Promise<void> {
    // A view is cloned with all the memory behind it, so the message goes in memory of its own.
    this.#port.postMessage(new Uint8Array(message));
    this.#outstanding++;
    while (this.#outstanding >= this.#most) await once(this.#port, "message");
  }

  async empty(): Promise<void> {
    while (this.#outstanding > 0) await once(this.#port, "message");
  }
}

const contestant: Contestant<MessagePort> = {
  guest: "thread",
  listen: (meeting) =>
    Promise.resolve({
      async accept() {
        // A publisher must not begin before all its subscribers run.
        if (meeting.guests > 1) await Promise.all(meeting.ports.map((port) => once(port, "message")));
        return meeting.ports;
      },
    }),
  connect({ ports: [port], guests }) {
    if (port === undefined) throw new Error("this thread was started without a port");
    if (guests > 1) port.postMessage("ready");
    return Promise.resolve(port);
  },
  styles: {
    post: {
      async send(port, source) {
        const window = new Window(port, source.size);
        for (let message = source.next(); message !== undefined; message = source.next()) {
          await window.send(message);
        }
        await window.empty();
      },
      receive: (port, sink) =>
        new Promise((resolve) => {
          let unacknowledged = 0;
          port.on("message", (message: Uint8Array) => {
            sink.take(message);
            unacknowledged++;
            if (!sink.over && unacknowledged < stepOf(message.length)) return;
            port.postMessage(unacknowledged);
            unacknowledged = 0;
            if (sink.over) resolve();
          });
        }),
      async publish(ports, source) {
        const windows = ports.map((port) => new Window(port, source.size));
        for (let message = source.next(); message !== undefined; message = source.next()) {
          for (const window of windows) await window.send(message);
        }
        for (const window of windows) await window.empty();
      },
      ask: (port, ping) =>
        new Promise((resolve) => {
          port.on("message", (answer: Uint8Array) => {
            const question = ping.next(answer);
            if (question === undefined) resolve();
            else port.postMessage(question);
          });
          port.postMessage(ping.first());
        }),
      answer: (port) =>
        new Promise(() => {
          port.on("message", (message: Uint8Array) => port.postMessage(message));
        }),
    },
  },
};

export default contestant;
