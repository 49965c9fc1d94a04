import type { ChildProcess, StdioOptions } from "node:child_process";
import type { MessagePort } from "node:worker_threads";
import type { Calls } from "./calls.js";
import type { Ping } from "./ping.js";
import type { Sink } from "./sink.js";
import type { Source } from "./source.js";

/** What the two sides of a run know of it. The host was started first, and starts the guests. */
export interface Meeting {
  /** An empty folder for sockets and FIFOs; it is removed after the run. */
  readonly folder: string;
  /** How many guests come. */
  readonly guests: number;
  /** Which of the guests this is, from 0; 0 in the host. */
  readonly index: number;
  /** Bytes of a message. */
  readonly size: number;
  /** Whether messages go both ways. */
  readonly twoWay: boolean;
  /** Whether a waiting receiver may use the processor up, where the contestant can. */
  readonly spin: boolean;
  /** In the host: the guests' processes, by index, where they were started with Node's IPC channel. */
  readonly children: ChildProcess[];
  /** The other end, where the guest is a thread: in the host one for each guest. */
  readonly ports: MessagePort[];
}

/** The host's side before the guests have come. */
export interface Host<Link> {
  /** The links to all guests, in the order of their coming. */
  accept(): Promise<Link[]>;
  /** Called when the run is over. */
  close?(): Promise<void> | void;
}

/** One of the ways people would write the two sides. A part that is missing is not run. */
export interface Style<Link> {
  /** Sends all that the source gives; fulfils when the last has left. */
  readonly send?: (link: Link, source: Source) => Promise<void>;
  /** Receives until the sink has had the last. */
  readonly receive?: (link: Link, sink: Sink) => Promise<void>;
  /** Sends all that the source gives to each link. */
  readonly publish?: (links: readonly Link[], source: Source) => Promise<void>;
  /** Asks until the ping has no more questions. */
  readonly ask?: (link: Link, ping: Ping) => Promise<void>;
  /** Sends back what comes. Need not end. */
  readonly answer?: (link: Link) => Promise<void>;
  /** Makes calls until there have been enough. */
  readonly call?: (link: Link, calls: Calls) => Promise<void>;
  /** Answers calls. Need not end. */
  readonly serve?: (link: Link) => Promise<void>;
}

/** Something that carries messages between two processes (or threads). */
export interface Contestant<Link> {
  /** How a guest is started. */
  readonly guest: "process" | "spawned" | "ipc-json" | "ipc-advanced" | "thread";
  /** Starts a guest that is `"spawned"`: by starting it the link is made. */
  spawn?(command: string, args: readonly string[], stdio: StdioOptions): ChildProcess;
  listen(meeting: Meeting): Promise<Host<Link>>;
  connect(meeting: Meeting): Promise<Link>;
  readonly styles: Readonly<Record<string, Style<Link>>>;
}

/** Waits for something that tells its end or its failure through a callback. */
export function completed(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

/** A turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
