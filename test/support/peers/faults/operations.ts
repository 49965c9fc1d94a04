// What is done with each mechanism while calls go wrong. An operation is short, so that every call of it can fail once.
import { once } from "node:events";
import { openSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import {
  AnonymousPipe,
  ChannelError,
  MemoryChannel,
  NamedPipe,
  SharedBuffer,
  Signal,
  UnixSocket,
  type UnixSocketChannel,
} from "sluice";
import { type Pair, pairs } from "./pairs.js";
import type { Operation, Stage } from "./stage.js";
import { traffic } from "./traffic.js";

/** Two descriptors go over, and both are those that were sent: open, until they are closed. */
async function handOver(
  stage: Stage,
  sender: UnixSocketChannel<Uint8Array, Buffer>,
  receiver: UnixSocketChannel<Uint8Array, Buffer>,
): Promise<void> {
  await Promise.all([
    sender.send(Buffer.from("take this"), { handles: [0, 1] }),
    receiver.receiveEnvelope().then(({ message, handles = [] }) => {
      expect(stage, message, "take this");
      if (handles.length !== 2)
        stage.problem(`LOST: ${handles.length} of 2 descriptors came, and nobody was told`);
      for (const handle of handles) {
        readlinkSync(`/proc/self/fd/${handle.fd}`);
        handle.close();
      }
    }),
  ]);
}

/** What every pair can do. */
function operationsOf(name: string, pair: Pair): Record<string, Operation> {
  const operations: Record<string, Operation> = {
    [`${name}: traffic`]: async (stage) => {
      const [sender, receiver] = await pair.open(stage);
      await traffic(stage, sender, receiver, pair);
    },
    [`${name}: aborted waits`]: async (stage) => {
      const [sender, receiver] = await pair.open(stage);
      await aborted(stage, (signal) => receiver.receive({ signal }));
      await timesOut(stage, (timeout) => receiver.receive({ timeout }));
      // The wait that was given up takes nothing from the next one.
      await Promise.all([
        sender.send(Buffer.from("next")),
        receiver.receive().then((message) => expect(stage, message, "next")),
      ]);
    },
    [`${name}: the receiver goes away`]: async (stage) => {
      const [sender, receiver] = await pair.open(stage);
      await Promise.all([sender.send(Buffer.from("first")), receiver.receive()]);
      receiver.destroy();
      await receiver.closed;
      // Enough for what there is of buffers, and bounded: a queue takes more than this only while somebody receives.
      const block = Buffer.alloc(4000);
      for (let count = 0; count < 8; count++) if (!sender.trySend(block)) break;
      sender.destroy();
    },
  };
  if (pair.bothWays) {
    operations[`${name}: the other way`] = async (stage) => {
      const [sender, receiver] = await pair.open(stage);
      await traffic(stage, receiver, sender, pair);
    };
    operations[`${name}: question and answer`] = async (stage) => {
      const [sender, receiver] = await pair.open(stage);
      for (let round = 0; round < 4; round++) {
        await sender.send(Buffer.from(`question ${round}`));
        expect(stage, await receiver.receive(), `question ${round}`);
        await receiver.send(Buffer.from(`answer ${round}`));
        expect(stage, await sender.receive(), `answer ${round}`);
      }
      await Promise.all([sender.close(), receiver.close()]);
    };
  }
  if (pair.waits) {
    operations[`${name}: more than there is room for`] = async (stage) => {
      const [sender, receiver] = await pair.open(stage);
      await traffic(stage, sender, receiver, { ...pair, sizes: Array.from({ length: 120 }, () => 7000) });
    };
  }
  return operations;
}

function expect(stage: Stage, message: Buffer, text: string): void {
  if (message.toString() !== text) stage.problem(`ALTERED: ${message.toString()} where ${text} was sent`);
}

async function aborted(stage: Stage, wait: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("given up");
  setImmediate(() => controller.abort(reason));
  await wait(controller.signal).then(
    () => stage.problem("a wait for nothing fulfilled"),
    (error: unknown) => {
      if (error !== reason) throw error;
    },
  );
}

async function timesOut(stage: Stage, wait: (timeout: number) => Promise<unknown>): Promise<void> {
  await wait(5).then(
    () => stage.problem("a wait for nothing fulfilled"),
    (error: unknown) => {
      if (!(error instanceof ChannelError && error.code === "ERR_TIMEOUT")) throw error;
    },
  );
}

/** Two who have the same shared memory open, each an owner of locks of its own. */
function sharedPair(stage: Stage): [SharedBuffer, SharedBuffer] {
  const name = `sluice-faults-${process.pid}`;
  const first = stage.own(SharedBuffer.create({ size: 4096, name }));
  // Only where its removal is refused is it still there.
  stage.defer(() => rmSync(`/dev/shm/${name}`, { force: true }));
  const second = stage.own(SharedBuffer.open(name));
  return [first, second];
}

const special: Record<string, Operation> = {
  "shared memory: create, open, unlink": async (stage) => {
    const [first, second] = sharedPair(stage);
    first.bytes[0] = 7;
    if (second.bytes[0] !== 7) stage.problem("ALTERED: the memory is not shared");
    second.close();
    first.close();
    const anonymous = stage.own(SharedBuffer.create({ size: 10_000 }));
    anonymous.view(Int32Array, 0, 4)[0] = 1;
    anonymous.close();
  },
  "locks: mutex": async (stage) => {
    const [first, second] = sharedPair(stage);
    const lease = first.mutex(0).acquireSync();
    if (second.mutex(0).tryAcquire() !== undefined) stage.problem("two hold the mutex");
    const waiting = second.mutex(0).acquire();
    await aborted(stage, (signal) => second.mutex(0).acquire({ signal }));
    setImmediate(() => lease.release());
    const next = await waiting;
    if (lease.isHeld || !next.isHeld) stage.problem("two hold the mutex");
    next.release();
  },
  "locks: rwlock": async (stage) => {
    const [first, second] = sharedPair(stage);
    const reading = first.rwlock(64).read.acquireSync();
    const also = await second.rwlock(64).read.acquire();
    const writing = second.rwlock(64).write.acquire();
    setImmediate(() => {
      reading.release();
      also.release();
    });
    (await writing).release();
  },
  "locks: semaphore": async (stage) => {
    const [first, second] = sharedPair(stage);
    const one = await first.semaphore(128, 1).acquire();
    await timesOut(stage, (timeout) => second.semaphore(128, 1).acquire({ timeout }));
    const waiting = second.semaphore(128, 1).acquire();
    setImmediate(() => one.release());
    (await waiting).release();
  },
  "locks: condition": async (stage) => {
    const [first, second] = sharedPair(stage);
    const flag = first.view(Int32Array, 1024, 1);
    const waiter = (async () => {
      const lease = await first.mutex(0).acquire();
      while (flag[0] === 0) await first.condition(256).wait(lease);
      lease.release();
    })();
    const notifier = (async () => {
      const lease = await second.mutex(0).acquire();
      second.view(Int32Array, 1024, 1)[0] = 1;
      second.condition(256).notifyAll();
      lease.release();
    })();
    await Promise.all([waiter, notifier]);
  },
  "descriptors in messages": async (stage) => {
    const [sender, receiver] = UnixSocket.pair({ type: "seqpacket", engine: "native", maxHandles: 2 });
    stage.own(sender);
    stage.own(receiver);
    await handOver(stage, sender, receiver);
    // Nobody takes these: they are closed.
    await sender.send(Buffer.from("never taken"), { handles: [0] });
    await receiver.receive();
  },
  "descriptors over a stream": async (stage) => {
    const [sender, receiver] = UnixSocket.pair({ type: "stream", maxHandles: 2 });
    stage.own(sender);
    stage.own(receiver);
    await handOver(stage, sender, receiver);
  },
  "signals: to ourselves": async (stage) => {
    const receiver = stage.own(Signal.open(["SIGRTMIN+3", "SIGUSR2"]));
    const sender = stage.own(Signal.open([], { peer: process.pid }));
    await sender.send({ signal: "SIGRTMIN+3", value: 7 });
    const message = await receiver.receive();
    if (message.value !== 7) stage.problem(`ALTERED: the signal's value is ${String(message.value)}`);
    await sender.send({ signal: "SIGUSR2" });
    await receiver.receive();
    await Promise.all([sender.close(), receiver.close()]);
  },
  "signals: handlers": async (stage) => {
    await new Promise<void>((resolve) => {
      const handler = Signal.on("SIGRTMIN+4", () => resolve());
      stage.own({ close: () => handler[Symbol.dispose]() });
      Signal.send(process.pid, "SIGRTMIN+4", { value: 1 });
    });
  },
  "anonymous-pipe: a child echoes": async (stage) => {
    const { child, channel } = AnonymousPipe.spawn("cat", [], { over: "stdio" });
    stage.own(channel);
    stage.own({ close: () => void child.kill("SIGKILL") });
    await channel.send(Buffer.from("echo"));
    expect(stage, await channel.receive(), "echo");
    await channel.close();
  },
  "named-pipe: a writer waits for a reader": async (stage) => {
    await NamedPipe.create(stage.path("fifo"));
    const path = stage.path("fifo", true);
    await timesOut(stage, (timeout) => NamedPipe.openWriter(path, { timeout }).then((end) => stage.own(end)));
    const writing = NamedPipe.openWriter(path).then((end) => stage.own(end));
    const reading = new Promise((resolve) => setImmediate(resolve))
      .then(() => NamedPipe.openReader(path, { keepOpen: true }))
      .then((end) => stage.own(end));
    const [writer, reader] = await Promise.all([writing, reading]);
    await Promise.all([writer.send(Buffer.from("found")).then(() => writer.flush()), reader.receive()]);
  },
  "unix-socket: a place is taken": async (stage) => {
    const path = stage.path("place");
    const listener = stage.own(await UnixSocket.listen(path));
    await UnixSocket.listen(path).then(
      (second) => {
        stage.own(second);
        stage.problem("two listen at one place");
      },
      (error: unknown) => stage.met(error, "listening at a place that is taken"),
    );
    await listener.close();
    const again = stage.own(await UnixSocket.listen(path, { type: "seqpacket", engine: "native" }));
    await again.close();
  },
  "worker: is terminated with all open": async (stage) => {
    const worker = new Worker(new URL("./worker.js", import.meta.url));
    stage.own({ close: () => worker.terminate() });
    const [told] = (await once(worker, "message")) as [string];
    if (!/^(open|ERR_[A-Z_]+)$/.test(told)) stage.problem(`not a ChannelError but ${told}`);
    await worker.terminate();
  },
  "unix-dgram: between bound sockets": async (stage) => {
    const options = { type: "dgram", engine: "native" } as const;
    const first = stage.own(await UnixSocket.bind(stage.path("first"), options));
    const second = stage.own(await UnixSocket.bind(stage.path("second"), options));
    await first.send(Buffer.from("there"), { to: stage.path("second") });
    const { message, from } = await second.receiveEnvelope();
    expect(stage, message, "there");
    if (from === undefined) {
      stage.problem("a datagram of a bound socket does not say where from");
      return;
    }
    await second.send(Buffer.from("back"), { to: stage.path("first") });
    expect(stage, await first.receive(), "back");
  },
};

/** Every operation by its name. */
export const operations: Readonly<Record<string, Operation>> = {
  ...(Object.assign({}, ...Object.entries(pairs).map(([name, pair]) => operationsOf(name, pair))) as Record<
    string,
    Operation
  >),
  ...special,
};

/** Operations that are wrong on purpose: whoever judges has to notice. */
export const wrongOperations: Readonly<Record<string, Operation>> = {
  "wrong: leaks a descriptor": async () => void openSync("/dev/null", "r"),
  "wrong: leaks shared memory": async () => void SharedBuffer.create({ size: 4096 }),
  "wrong: leaves a file": async (stage) => writeFileSync(stage.path("left"), ""),
  "wrong: never ends": () => new Promise(() => undefined),
  "wrong: rejects with what is no ChannelError": () => Promise.reject(new Error("something")),
  "wrong: leaves a rejection to nobody": async () => {
    void Promise.reject(new Error("nobody listens"));
  },
  "wrong: loses a message": (stage) => spoiled(stage, (messages) => messages.slice(0, -1)),
  "wrong: loses a message in the middle": (stage) =>
    spoiled(stage, (messages) => messages.filter((_, index) => index !== 3)),
  "wrong: alters a message": (stage) =>
    spoiled(stage, ([first, ...rest]) => [
      Buffer.concat([first ?? Buffer.alloc(0), Buffer.alloc(1)]),
      ...rest,
    ]),
  "wrong: changes the order": (stage) => spoiled(stage, (messages) => [...messages].reverse()),
};

/** Traffic over a channel that does something to the messages on their way. */
async function spoiled(stage: Stage, spoil: (messages: Buffer[]) => Buffer[]): Promise<void> {
  const [sender, between] = MemoryChannel.pair();
  const [forward, receiver] = MemoryChannel.pair();
  for (const end of [sender, between, forward, receiver]) stage.own(end);
  const relayed = (async () => {
    const messages: Buffer[] = [];
    for await (const message of between) messages.push(message);
    for (const message of spoil(messages)) await forward.send(message);
    await forward.close();
  })();
  await Promise.all([traffic(stage, sender, receiver), relayed]);
}
