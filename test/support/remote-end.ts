/** A channel's end in a second process (peers/contract-peer.ts), told by one JSON line a command what to do. */
import { readFileSync } from "node:fs";
import type { EndName, EndOptions } from "../contract/maker.js";
import type { Manner, Outcome, Plan } from "../contract/traffic.js";
import { type Exit, type Peer, type PeerOptions, startPeer } from "./child.js";

/** The commands of a remote end, with what they take and give. */
export interface Commands {
  /** Sends messages `from` to `to - 1`, then flushes. */
  send(request: { plan: Plan; from: number; to: number; manner: Manner }): null;
  /** Receives and verifies messages `from` to `to - 1`. */
  receive(request: { plan: Plan; from: number; to: number; manner: Manner }): null;
  /** Sends until the channel refuses; with trySend as well, as a program without patience does. */
  flood(request: { plan: Plan }): Outcome;
  /** Receives and verifies until nothing more comes. */
  receiveToEnd(request: { plan: Plan; from: number }): Outcome;
  /** Sends each message back until the end comes. */
  echo(request: object): number;
  /**
   * Receives so many messages, sends each back if it answers, and then does not keep its process alive any more, which it says by the event `unref`; receives
   * one more, whose length it gives, and is as before.
   */
  receiveUnref(request: { count: number; answers: boolean }): number;
  /** Has the channel keep its process alive no longer. */
  unref(request: object): null;
  /** How far `flood` or `receiveToEnd` has come. */
  progress(request: object): number;
  /** Gives the type of the end of a receive: the code. */
  receiveCode(request: object): string;
  close(request: object): null;
  destroy(request: object): null;
  /** Ends the process without closing anything. */
  exit(request: { code: number }): never;
}

/** What a peer writes. */
export type Reply =
  | { readonly event: "ready" | "open" | "unref" }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

interface Waiter {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}

/** An end of a channel in a process of its own. */
export class RemoteEnd implements AsyncDisposable {
  /** Fulfils when the end waits for the other one: only a first end does. */
  readonly ready: Promise<void>;
  /** Fulfils when its channel is open. */
  readonly open: Promise<void>;
  readonly #peer: Peer;
  readonly #waiting = new Map<number | string, Waiter>();
  #nextId = 0;

  constructor(
    maker: string,
    end: EndName,
    directory: string,
    options: EndOptions = {},
    peerOptions: PeerOptions = {},
  ) {
    this.#peer = startPeer(
      "contract-peer",
      [JSON.stringify({ maker, end, directory, options })],
      peerOptions,
    );
    this.ready = this.#expect("ready") as Promise<void>;
    this.open = this.#expect("open") as Promise<void>;
    this.#forgive(this.ready);
    this.#forgive(this.open);
    void this.#read();
  }

  get pid(): number {
    return this.#peer.pid;
  }

  get exit(): Promise<Exit> {
    return this.#peer.exit;
  }

  get stderr(): string {
    return this.#peer.stderr;
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): boolean {
    return this.#peer.kill(signal);
  }

  /** Bytes of memory that the process has resident now. */
  get residentBytes(): number {
    const pages = readFileSync(`/proc/${this.pid}/statm`, "utf8").split(" ")[1];
    return Number(pages) * 4096;
  }

  /** Fulfils at the next event `unref`, once the main thread of the process has gone to sleep. */
  async asleep(): Promise<void> {
    await this.#expect("unref");
    while (this.#stateOfMainThread !== "S") await new Promise(setImmediate);
  }

  /** Gives a command; fulfils with its result. */
  call<Name extends keyof Commands>(
    name: Name,
    request: Parameters<Commands[Name]>[0],
  ): Promise<ReturnType<Commands[Name]>> {
    const id = this.#nextId++;
    const reply = this.#expect(id) as Promise<ReturnType<Commands[Name]>>;
    this.#forgive(reply);
    void this.#peer.write(JSON.stringify({ id, name, request }));
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#peer[Symbol.asyncDispose]();
  }

  /** proc(5): the state follows the program's name, which is in parentheses. */
  get #stateOfMainThread(): string | undefined {
    return /\) (\w) [^)]*$/.exec(readFileSync(`/proc/${this.pid}/stat`, "latin1"))?.[1];
  }

  #expect(key: number | string): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(key, { resolve, reject }));
  }

  /** A test that kills the process need not look at what it was doing. Whoever awaits the promise still gets its rejection. */
  #forgive(promise: Promise<unknown>): void {
    promise.catch(() => undefined);
  }

  async #read(): Promise<void> {
    for await (const line of this.#peer.lines) {
      const reply = JSON.parse(line) as Reply;
      if ("event" in reply) this.#settle(reply.event, (waiter) => waiter.resolve(undefined));
      else if ("error" in reply)
        this.#settle(reply.id, (waiter) => waiter.reject(new Error(`in the peer: ${reply.error}`)));
      else this.#settle(reply.id, (waiter) => waiter.resolve(reply.result));
    }
    const { code, signal } = await this.exit;
    const ended = new Error(
      `the peer ended (code ${String(code)}, signal ${String(signal)}):\n${this.stderr}`,
    );
    for (const key of [...this.#waiting.keys()]) this.#settle(key, (waiter) => waiter.reject(ended));
  }

  #settle(key: number | string, how: (waiter: Waiter) => void): void {
    const waiter = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (waiter !== undefined) how(waiter);
  }
}
