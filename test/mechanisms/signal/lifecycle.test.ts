import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { Signal } from "sluice";
import { describe, expect, it } from "vitest";
import { compiled, startPeer } from "../../support/child.js";
import { disposition } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

describe("a process with channels of signals", () => {
  it("stays alive while one is open, and ends once it is closed", async () => {
    await using peer = startPeer("signal/behave", ["keep-open", "SIGUSR2"]);
    await peer.expectLine("ready");
    Signal.send(peer.pid, "SIGUSR2");
    await peer.expectLine("SIGUSR2");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  it.each(["unref", "unref-peer", "close", "on"])("ends by itself after %s", async (what) => {
    await using peer = startPeer("signal/behave", [what]);
    expect(await peer.exit).toEqual({ code: 0, signal: null });
    expect(peer.stderr).toBe("");
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "is ended by %s again after the channel is closed",
    async (name) => {
      await using peer = startPeer("signal/behave", ["open-and-close", name]);
      await peer.expectLine("true");
      Signal.send(peer.pid, name);
      expect(await peer.exit).toEqual({ code: null, signal: name });
    },
  );

  it("has no debugger started by SIGUSR1 while a channel is open for it", async () => {
    await using peer = startPeer("signal/listen", ["SIGUSR1"]);
    await peer.expectLine("ready");
    Signal.send(peer.pid, "SIGUSR1", { value: 1 });
    await peer.expectLine(`SIGUSR1 1 ${String(process.getuid?.())}`);
    Signal.send(peer.pid, "SIGTERM");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
    expect(peer.stderr).toBe("");
  });
});

describe("a channel of signals", () => {
  it("leaves no descriptor and no handler behind, 10,000 times", { timeout: 60_000 }, async () => {
    const before = openDescriptors();
    for (let round = 0; round < 10_000; round++) {
      const options = round % 2 === 0 ? { peer: process.pid } : undefined;
      const channel = Signal.open(["SIGUSR2", "SIGRTMIN+1"], options);
      if (round % 3 === 0) channel.destroy();
      else void channel.close();
      await channel.closed;
    }
    expect(openDescriptors()).toBe(before);
    expect(disposition("SIGUSR2")).toBe("default");
    expect(disposition("SIGRTMIN+1")).toBe("default");
  });

  it("lets the main thread alone take real-time signals, so that they keep their order", async () => {
    // Reading a file starts the threads of libuv's pool.
    await readFile("/proc/self/stat");
    await using signals = Signal.open(["SIGRTMIN+6"]);
    const bit = 1n << BigInt((Signal.table["SIGRTMIN+6"]?.number ?? 0) - 1);
    const taking = readdirSync("/proc/self/task").filter((tid) => {
      const mask = /^SigBlk:\s*(\w+)/m.exec(readFileSync(`/proc/self/task/${tid}/status`, "utf8"))?.[1];
      return (BigInt(`0x${mask ?? "0"}`) & bit) === 0n;
    });
    expect(taking).toEqual([String(process.pid)]);
    expect(signals.state).toBe("open");
  });

  it("is one of at most 256 in a process; the next is refused and leaves nothing behind", async () => {
    const channels = Array.from({ length: 256 }, () => Signal.open(["SIGUSR2"]));
    const before = openDescriptors();
    expect(() => Signal.open(["SIGUSR2"])).toThrow("256 channels for signals are open in this process");
    expect(openDescriptors()).toBe(before);
    await Promise.all(channels.map((channel) => channel.close()));
    expect(disposition("SIGUSR2")).toBe("default");
  });

  it("works in a worker thread, which may be closed or terminated in mid-traffic", async () => {
    const before = openDescriptors();
    for (const end of ["close", "terminate"]) {
      const worker = new Worker(compiled("test/support/peers/signal/worker.ts"));
      expect(await once(worker, "message")).toEqual(["ready"]);
      Signal.send(process.pid, "SIGRTMIN+5", { value: 7 });
      expect(await once(worker, "message")).toEqual([{ signal: "SIGRTMIN+5", value: 7 }]);
      for (let value = 0; value < 1000; value++) Signal.send(process.pid, "SIGRTMIN+5", { value });
      const exit = once(worker, "exit");
      if (end === "close") worker.postMessage("close");
      else await worker.terminate();
      await exit;
      expect(disposition("SIGRTMIN+5")).toBe("default");
    }
    expect(openDescriptors()).toBe(before);
  });
});
