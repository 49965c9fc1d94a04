import { type Channel, type ChannelError, Signal, type SignalMessage, type SignalName } from "sluice";
import { describe, expect, it } from "vitest";
import { startPeer, startProgram } from "../../support/child.js";
import { disposition, PYTHON_SIGQUEUE, thrownBy } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const self = { credentials: { pid: process.pid, uid: process.getuid?.(), gid: -1 } };

describe("Signal.open() with a peer", () => {
  it("talks in both directions, with values and the sender's pid and uid", async () => {
    await using peer = startPeer("signal/echo", ["SIGUSR2 SIGRTMIN+1"]);
    await peer.expectLine("ready");
    await using channel = Signal.open(["SIGUSR2", "SIGRTMIN+1"], { peer: peer.pid });
    expect(channel.traits).toMatchObject({ mechanism: "signal", direction: "both", reliable: false });
    for (const value of [0, -1, 41, 2 ** 31 - 2, -(2 ** 31)]) {
      for (const signal of ["SIGUSR2", "SIGRTMIN+1"] as const) {
        await channel.send({ signal, value });
        expect(await channel.receiveEnvelope()).toEqual({
          message: { signal, value: value + 1 },
          value: value + 1,
          credentials: { ...self.credentials, pid: peer.pid },
        });
      }
    }
    await channel.send({ signal: "SIGUSR2" });
    expect(await channel.receive()).toEqual({ signal: "SIGUSR2" });
  });

  it("does not deliver what strangers send; a channel without peer hears it", async () => {
    await using peer = startPeer("signal/echo", ["SIGRTMIN+1"]);
    await peer.expectLine("ready");
    await using channel = Signal.open(["SIGRTMIN+1"], { peer: peer.pid });
    await using anybody = Signal.open(["SIGRTMIN+1"]);
    Signal.send(process.pid, "SIGRTMIN+1", { value: 666 });
    expect(await anybody.receive()).toEqual({ signal: "SIGRTMIN+1", value: 666 });
    await channel.send({ signal: "SIGRTMIN+1", value: 1 });
    expect(await channel.receive()).toEqual({ signal: "SIGRTMIN+1", value: 2 });
    expect(await anybody.receive()).toEqual({ signal: "SIGRTMIN+1", value: 2 });
  });

  it("ends when the peer is killed: receive at once, send with ERR_PEER_DIED", async () => {
    await using peer = startPeer("signal/echo", ["SIGUSR2"]);
    await peer.expectLine("ready");
    const channel = Signal.open(["SIGUSR2"], { peer: peer.pid });
    const waiting = channel.receive();
    peer.kill("SIGKILL");
    await expect(waiting).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
    await channel.closed;
    await peer.exit;
    const late = Signal.open([], { peer: process.pid });
    await late.close();
    expect(thrownBy(() => Signal.open(["SIGUSR2"], { peer: peer.pid })).code).toBe("ERR_NO_PEER");
  });

  it("sends nothing to whatever process gets the peer's pid: it is told that the peer has ended", async () => {
    await using peer = startPeer("signal/echo", ["SIGUSR2"]);
    await peer.expectLine("ready");
    const channel = Signal.open(["SIGUSR2"], { peer: peer.pid });
    peer.kill("SIGKILL");
    await peer.exit;
    await expect(channel.send({ signal: "SIGKILL" })).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
    await channel.closed;
  });

  it("fails by itself at the peer's death when it only sends", async () => {
    await using peer = startPeer("signal/listen");
    await peer.expectLine("ready");
    const channel = Signal.open([], { peer: peer.pid });
    expect(channel.traits.direction).toBe("send");
    await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
    await channel.send({ signal: "SIGUSR2", value: 5 });
    await peer.expectLine(`SIGUSR2 5 ${String(self.credentials.uid)}`);
    peer.kill("SIGKILL");
    await channel.closed;
    await expect(channel.send({ signal: "SIGUSR2" })).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
  });

  it("delivers what the peer sent just before it ended", async () => {
    const code = `${PYTHON_SIGQUEUE}
sys.stdin.readline()
for value in range(500): sigqueue(os.getppid(), signal.SIGRTMIN, value)
os._exit(0)`;
    await using peer = startProgram("python3", ["-c", code]);
    await using channel = Signal.open(["SIGRTMIN"], { peer: peer.pid });
    await peer.write("go");
    const values: unknown[] = [];
    for await (const { value } of channel) values.push(value);
    expect(values).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });

  it("waits while the peer's queue is full, abortably, and sends all in order once there is room", async () => {
    const code = `${PYTHON_SIGQUEUE}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
most = resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]
resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, most))
say("ready")
sys.stdin.readline()
resource.setrlimit(resource.RLIMIT_SIGPENDING, (most, most))
for _ in range(40): say(signal.sigwaitinfo([signal.SIGRTMIN]).si_status)
say(signal.sigtimedwait([signal.SIGRTMIN], 0.2))`;
    await using peer = startProgram("python3", ["-c", code]);
    await peer.expectLine("ready");
    await using channel = Signal.open([], { peer: peer.pid, sendQueue: { messages: 4 } });
    let sent = 0;
    while (channel.trySend({ signal: "SIGRTMIN", value: sent })) sent++;
    expect(sent).toBe(4);
    const late = channel.send({ signal: "SIGRTMIN", value: -1 }, { timeout: 20 });
    await expect(late).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    const abort = new AbortController();
    const aborted = channel.send({ signal: "SIGRTMIN", value: -2 }, { signal: abort.signal });
    abort.abort(new Error("no longer needed"));
    await expect(aborted).rejects.toThrow("no longer needed");
    await expect(channel.flush({ timeout: 20 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    const rest = Array.from({ length: 40 - sent }, (_, index) => ({
      signal: "SIGRTMIN" as const,
      value: sent + index,
    }));
    const sending = channel.sendMany(rest);
    await peer.write("go");
    await sending;
    await channel.flush();
    for (let value = 0; value < 40; value++) await peer.expectLine(String(value));
    await peer.expectLine("None");
  });

  it("refuses a pid that is none, and options that mean nothing here", () => {
    const open = (options: object): unknown => Signal.open(["SIGUSR2"], options as { peer: number });
    expect(thrownBy(() => open({ peer: "1" }))).toBeInstanceOf(TypeError);
    for (const peer of [0, -1, 1.5, NaN, 2 ** 31])
      expect(thrownBy(() => open({ peer }))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => open({ codec: {} })).message).toContain("options.codec");
    expect(thrownBy(() => Signal.open("SIGUSR2" as unknown as SignalName[])).message).toContain(
      "names must be an array",
    );
    expect(thrownBy(() => Signal.open([])).message).toContain("no options.peer");
  });

  it("leaves nothing behind when it cannot be opened", () => {
    const before = openDescriptors();
    const wrongQueue = { peer: process.pid, receiveQueue: { messages: 0 } };
    for (let round = 0; round < 20; round++) {
      expect(thrownBy(() => Signal.open(["SIGUSR2"], wrongQueue))).toBeInstanceOf(RangeError);
      expect(thrownBy(() => Signal.open(["SIGUSR2"], { peer: 2 ** 22 + 1 })).code).toBe("ERR_NO_PEER");
    }
    expect(openDescriptors()).toBe(before);
    expect(disposition("SIGUSR2")).toBe("default");
  });

  it("refuses messages that are no signals", async () => {
    await using channel = Signal.open([], { peer: process.pid });
    const send = (message: unknown): Promise<void> => channel.send(message as SignalMessage);
    await expect(send(null)).rejects.toThrow("message must be { signal, value? }");
    await expect(send({ signal: "SIGFOO" })).rejects.toBeInstanceOf(TypeError);
    await expect(send({ signal: "SIGUSR2", value: "1" })).rejects.toBeInstanceOf(TypeError);
    await expect(send({ signal: "SIGUSR2", value: 2 ** 31 })).rejects.toBeInstanceOf(RangeError);
    await expect(send({ signal: "SIGUSR2", value: 0.5 })).rejects.toBeInstanceOf(RangeError);
    const prioritised = channel.send({ signal: "SIGUSR2" }, { priority: 1 });
    await expect(prioritised).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
  });
});

describe("Signal.open() without a peer", () => {
  it("receives from anybody, and sends nothing", async () => {
    await using signals = Signal.open(["SIGUSR2"]);
    expect(signals.traits.direction).toBe("receive");
    const send = (signals as Channel<SignalMessage>).send({ signal: "SIGUSR2" });
    await expect(send).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
    await expect(signals.receive({ timeout: 5 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    await expect(signals.receive({ signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
    Signal.send(process.pid, "SIGUSR2", { value: 3 });
    expect(await signals.receiveEnvelope()).toEqual({
      message: { signal: "SIGUSR2", value: 3 },
      value: 3,
      ...self,
    });
  });

  it("tells every channel of a process", async () => {
    await using first = Signal.open(["SIGUSR2", "SIGWINCH"]);
    await using second = Signal.open(["SIGUSR2"]);
    Signal.send(process.pid, "SIGUSR2");
    expect(await first.receive()).toEqual({ signal: "SIGUSR2" });
    expect(await second.receive()).toEqual({ signal: "SIGUSR2" });
    await second.close();
    Signal.send(process.pid, "SIGUSR2");
    expect(await first.receive()).toEqual({ signal: "SIGUSR2" });
  });

  it("keeps 1,000 real-time signals in order, within a receive queue of ten", async () => {
    await using signals = Signal.open(["SIGRTMIN+2"], { receiveQueue: { messages: 10 } });
    for (let value = 0; value < 1000; value++) Signal.send(process.pid, "SIGRTMIN+2", { value });
    for (let value = 0; value < 1000; value++)
      expect(await signals.receive()).toEqual({ signal: "SIGRTMIN+2", value });
    expect(signals.tryReceive()).toBeUndefined();
  });

  it("says how many signals were lost when they came too fast, once, and goes on", async () => {
    await using signals = Signal.open(["SIGRTMIN+2"], { receiveQueue: { messages: 100 } });
    const total = 20_000;
    for (let value = 0; value < total; value++) Signal.send(process.pid, "SIGRTMIN+2", { value });
    let received = 0;
    let lost = 0;
    while (received + lost < total) {
      try {
        const { value } = await signals.receive({ timeout: 2000 });
        expect(value).toBe(received++);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_SYSTEM", errno: 11 });
        lost = Number(/(\d+) signals were lost/.exec((error as ChannelError).message)?.[1]);
      }
    }
    expect(received + lost).toBe(total);
    expect(lost).toBeGreaterThan(0);
    Signal.send(process.pid, "SIGRTMIN+2", { value: -5 });
    expect(await signals.receive()).toEqual({ signal: "SIGRTMIN+2", value: -5 });
  });

  it("closes when an iteration is left, and puts back what the signal did before", async () => {
    const signals = Signal.open(["SIGUSR2"]);
    expect(disposition("SIGUSR2")).toBe("caught");
    Signal.send(process.pid, "SIGUSR2");
    for await (const message of signals) {
      expect(message).toEqual({ signal: "SIGUSR2" });
      break;
    }
    expect(signals.state).toBe("closed");
    expect(disposition("SIGUSR2")).toBe("default");
    await expect(signals.receive()).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
  });
});
