import { readdirSync, readFileSync } from "node:fs";
import { Signal, type SignalHandler, type SignalMessage } from "sluice";
import { afterEach, describe, expect, it } from "vitest";
import { startPeer } from "../../support/child.js";
import { disposition, thrownBy } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

/** Waits for the next signal on a channel: handlers of the same process are called in the same turn or before. */
async function delivered(send: () => void): Promise<void> {
  await using signals = Signal.open(["SIGRTMIN+9"]);
  send();
  Signal.send(process.pid, "SIGRTMIN+9");
  await signals.receive();
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

/** Whether each thread of a process is stopped: proc_pid_stat(5). */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    try {
      return /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8"));
    } catch {
      return false; // it has ended in between, so the process was not stopped
    }
  });
}

describe("Signal.on()", () => {
  it("calls the handler with message and sender until it is disposed, and then puts back what was before", async () => {
    const calls: Parameters<SignalHandler>[] = [];
    const before = openDescriptors();
    const registration = Signal.on("SIGUSR2", (...call) => calls.push(call));
    expect(disposition("SIGUSR2")).toBe("caught");
    await delivered(() => {
      Signal.send(process.pid, "SIGUSR2", { value: 11 });
    });
    expect(calls).toEqual([
      [
        { signal: "SIGUSR2", value: 11 },
        { pid: process.pid, uid: process.getuid?.(), gid: -1 },
      ],
    ]);
    registration[Symbol.dispose]();
    registration[Symbol.dispose]();
    expect(disposition("SIGUSR2")).toBe("default");
    expect(openDescriptors()).toBe(before);
  });

  it("calls all handlers of a signal, in the order of the signals, whatever their names", async () => {
    const calls: (SignalMessage | string)[] = [];
    using first = Signal.on("SIGUSR2", (message) => calls.push(message));
    using second = Signal.on("SIGRTMIN+4", (message) => calls.push(message));
    using third = Signal.on("SIGUSR2", () => calls.push("third"));
    await delivered(() => {
      Signal.send(process.pid, "SIGRTMIN+4", { value: 1 });
      Signal.send(process.pid, "SIGUSR2");
      Signal.send(process.pid, "SIGRTMIN+4", { value: 2 });
    });
    expect(calls).toEqual([
      { signal: "SIGRTMIN+4", value: 1 },
      { signal: "SIGUSR2" },
      "third",
      { signal: "SIGRTMIN+4", value: 2 },
    ]);
    expect([first, second, third]).toHaveLength(3);
  });

  it("does not call a handler that another handler has disposed before", async () => {
    const calls: string[] = [];
    const first = Signal.on("SIGUSR2", () => {
      calls.push("first");
      second[Symbol.dispose]();
    });
    const second = Signal.on("SIGUSR2", () => calls.push("second"));
    await delivered(() => {
      Signal.send(process.pid, "SIGUSR2");
    });
    first[Symbol.dispose]();
    expect(calls).toEqual(["first"]);
  });

  it("lets a throw in a handler be an uncaught exception, which keeps nothing from the other handlers", async () => {
    await using peer = startPeer("signal/behave", ["throw"]);
    await peer.expectLine("ready");
    Signal.send(peer.pid, "SIGUSR2");
    await peer.expectLine("uncaught: first");
    await peer.expectLine("second got SIGUSR2");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  it("counts a standard signal that was sent while the process was stopped once", async () => {
    await using peer = startPeer("signal/behave", ["count", "SIGUSR2"]);
    await peer.expectLine("ready");
    Signal.send(peer.pid, "SIGSTOP");
    // Until then a signal that comes later is delivered before: the kernel takes the lower number first.
    while (!isStopped(peer.pid)) await new Promise((resolve) => setImmediate(resolve));
    for (let round = 0; round < 100; round++) Signal.send(peer.pid, "SIGUSR2");
    Signal.send(peer.pid, "SIGCONT");
    Signal.send(peer.pid, "SIGTERM");
    await peer.expectLine("1");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  it("says what is wrong with a handler that is no function", () => {
    const error = thrownBy(() => Signal.on("SIGUSR2", "run" as unknown as SignalHandler));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe('handler must be a function, received "run"');
    expect(disposition("SIGUSR2")).toBe("default");
  });
});

describe("Signal and process.on()", () => {
  it("both hear a signal, whoever came first, and neither stops the other from hearing", async () => {
    const heard: string[] = [];
    const listener = (): void => {
      heard.push("process.on");
    };
    const send = (): Promise<void> =>
      delivered(() => {
        Signal.send(process.pid, "SIGUSR2");
      });
    process.on("SIGUSR2", listener);
    const registration = Signal.on("SIGUSR2", () => heard.push("Signal.on"));
    await send();
    expect(heard.sort()).toEqual(["Signal.on", "process.on"]);

    process.off("SIGUSR2", listener);
    await send();
    expect(heard).toHaveLength(3);

    process.on("SIGUSR2", listener);
    await send();
    expect(heard).toHaveLength(5);

    registration[Symbol.dispose]();
    await send();
    expect(heard.filter((who) => who === "process.on")).toHaveLength(3);
    process.off("SIGUSR2", listener);
    expect(disposition("SIGUSR2")).toBe("default");
  });

  it("leaves no listeners of its own behind", async () => {
    const count = (): number =>
      process.listenerCount("newListener") + process.listenerCount("removeListener");
    const before = count();
    const registration = Signal.on("SIGUSR2", () => undefined);
    const signals = Signal.open(["SIGHUP"]);
    expect(count()).toBe(before + 2);
    registration[Symbol.dispose]();
    await signals.close();
    expect(count()).toBe(before);
  });
});

describe("Signal.ignore() and Signal.reset()", () => {
  afterEach(() => {
    Signal.reset("SIGUSR2");
  });

  it("let a signal do nothing, and what it does by default", async () => {
    Signal.ignore("SIGUSR2");
    expect(disposition("SIGUSR2")).toBe("ignored");
    Signal.send(process.pid, "SIGUSR2");
    Signal.reset("SIGUSR2");
    expect(disposition("SIGUSR2")).toBe("default");
    await using peer = startPeer("signal/behave", ["reset", "SIGUSR2"]);
    await peer.expectLine("survived");
    expect(await peer.exit).toEqual({ code: null, signal: "SIGUSR2" });
  });

  it("put an end to Node's debugger signal", async () => {
    await using peer = startPeer("signal/behave", ["reset", "SIGUSR1"]);
    await peer.expectLine("survived");
    expect(await peer.exit).toEqual({ code: null, signal: "SIGUSR1" });
    expect(peer.stderr).toBe("");
  });

  it("an ignored signal that is opened is heard, and ignored again afterwards", async () => {
    Signal.ignore("SIGUSR2");
    const signals = Signal.open(["SIGUSR2"]);
    Signal.send(process.pid, "SIGUSR2");
    expect(await signals.receive()).toEqual({ signal: "SIGUSR2" });
    await signals.close();
    expect(disposition("SIGUSR2")).toBe("ignored");
  });

  it("refuse to take a signal from somebody who listens, and say from whom", async () => {
    const change = [
      () => {
        Signal.ignore("SIGUSR2");
      },
      () => {
        Signal.reset("SIGUSR2");
      },
    ];
    const signals = Signal.open(["SIGUSR2"]);
    for (const action of change) {
      const error = thrownBy(action);
      expect(error.code).toBe("ERR_ADDRESS_IN_USE");
      expect(error.message).toContain("Signal.open()");
    }
    await signals.close();
    const listener = (): void => undefined;
    process.on("SIGUSR2", listener);
    for (const action of change) {
      const error = thrownBy(action);
      expect(error.code).toBe("ERR_ADDRESS_IN_USE");
      expect(error.message).toContain('process.on("SIGUSR2")');
    }
    process.off("SIGUSR2", listener);
  });
});
