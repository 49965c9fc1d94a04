// Node's own channel between a parent and its child, with the default serialisation (JSON, so the payload is a string) and with the "advanced" one
// (structured clones of Buffers).
import type { Contestant, Style } from "../sides/contestant.js";

/** What a child process and the process itself have in common. */
export interface IpcLink {
  send(message: unknown, done: (error: Error | null) => void): boolean;
  on(event: "message", take: (message: unknown) => void): unknown;
  once(event: "message", take: (message: unknown) => void): unknown;
}

/** What the messages are made of. */
interface Material<Message> {
  next(source: { next(): Buffer | undefined; nextText(): string | undefined }): Message | undefined;
  take(sink: { take(message: Buffer): void; takeText(message: string): void }, message: unknown): void;
  first(ping: { first(): Buffer; firstText(): string }): Message;
  following(
    ping: { next(answer: Buffer): Buffer | undefined; nextText(answer: string): string | undefined },
    answer: unknown,
  ): Message | undefined;
}

const texts: Material<string> = {
  next: (source) => source.nextText(),
  take: (sink, message) => sink.takeText(String(message)),
  first: (ping) => ping.firstText(),
  following: (ping, answer) => ping.nextText(String(answer)),
};

const buffers: Material<Buffer> = {
  next: (source) => source.next(),
  take: (sink, message) => sink.take(message as Buffer),
  first: (ping) => ping.first(),
  following: (ping, answer) => ping.next(answer as Buffer),
};

const ignore = (error: Error | null): void => {
  if (error !== null) throw error;
};

/** Sends, and waits while the channel says that its backlog is too long. */
function sendWithin(link: IpcLink, message: unknown): Promise<void> | undefined {
  let release: (() => void) | undefined;
  const accepted = link.send(message, (error) => {
    ignore(error);
    release?.();
  });
  if (accepted) return undefined;
  return new Promise((resolve) => {
    release = resolve;
  });
}

function style<Message>(material: Material<Message>): Style<IpcLink> {
  return {
    async send(link, source) {
      for (let message = material.next(source); message !== undefined; message = material.next(source)) {
        if (source.over) await new Promise((resolve) => link.send(message, resolve));
        else await sendWithin(link, message);
      }
    },
    receive: (link, sink) =>
      new Promise((resolve) => {
        link.on("message", (message) => {
          material.take(sink, message);
          if (sink.over) resolve();
        });
      }),
    async publish(links, source) {
      for (let message = material.next(source); message !== undefined; message = material.next(source)) {
        for (const link of links) await sendWithin(link, message);
      }
    },
    ask: (link, ping) =>
      new Promise((resolve) => {
        link.on("message", (answer) => {
          const question = material.following(ping, answer);
          if (question === undefined) resolve();
          else link.send(question, ignore);
        });
        link.send(material.first(ping), ignore);
      }),
    answer: (link) =>
      new Promise(() => {
        link.on("message", (message) => link.send(message, ignore));
      }),
  };
}

/** The contestant with one of the two serialisations. */
export function overIpc(serialization: "json" | "advanced"): Contestant<IpcLink> {
  return {
    guest: serialization === "json" ? "ipc-json" : "ipc-advanced",
    listen: (meeting) => {
      const links = meeting.children as IpcLink[];
      return Promise.resolve({
        async accept() {
          // A publisher must not begin before all its subscribers run.
          if (meeting.guests > 1) {
            await Promise.all(links.map((link) => new Promise((resolve) => link.once("message", resolve))));
          }
          return links;
        },
      });
    },
    connect: (meeting) => {
      if (process.send === undefined) throw new Error("this process was started without an IPC channel");
      const link = process as unknown as IpcLink;
      if (meeting.guests > 1) link.send("ready", ignore);
      return Promise.resolve(link);
    },
    styles: { send: serialization === "json" ? style(texts) : style(buffers) },
  };
}
