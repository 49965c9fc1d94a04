import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compiled, isRunning, startPeer, startProgram } from "../support/child.js";

describe("startPeer()", () => {
  it("runs a program in another process and exchanges lines with it", async () => {
    await using peer = startPeer("echo-lines", ["one", "two"]);
    expect(peer.pid).not.toBe(process.pid);
    await peer.expectLine("ready one two");
    await peer.write("hello");
    expect(await peer.nextLine()).toBe("echo hello");
    peer.end();
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  it("keeps the lines that were written before the end", async () => {
    await using peer = startPeer("echo-lines");
    await peer.write("a");
    await peer.write("b");
    peer.end();
    await peer.exit;
    const lines: string[] = [];
    for await (const line of peer.lines) lines.push(line);
    expect(lines).toEqual(["ready ", "echo a", "echo b"]);
  });

  it("tells the exit and the standard error when a line is missing", async () => {
    await using peer = startPeer("echo-lines");
    await peer.expectLine("ready ");
    await peer.write("fail");
    await expect(peer.nextLine()).rejects.toThrow(/code 1[^]*failed as told/);
  });

  it("rejects a line that differs from the expected one", async () => {
    await using peer = startPeer("echo-lines", ["x"]);
    await expect(peer.expectLine("ready y")).rejects.toThrow(/"ready x" where "ready y"/);
  });

  it("reports the signal that ended a peer", async () => {
    await using peer = startPeer("echo-lines");
    await peer.nextLine();
    expect(peer.kill("SIGKILL")).toBe(true);
    expect(await peer.exit).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("leaves no process behind when its scope ends", async () => {
    let pid: number;
    {
      await using peer = startPeer("echo-lines");
      await peer.nextLine();
      pid = peer.pid;
      expect(isRunning(pid)).toBe(true);
    }
    expect(isRunning(pid)).toBe(false);
  });

  it("ends a peer whose parent was killed", async () => {
    await using parent = startPeer("parent");
    const pid = Number(await parent.nextLine());
    expect(isRunning(pid)).toBe(true);
    parent.kill("SIGKILL");
    await parent.exit;
    await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
  });

  it("names a program that cannot be started", async () => {
    await using peer = startProgram("/nonexistent/program", []);
    await expect(peer.nextLine()).rejects.toThrow(/nonexistent\/program[^]*ENOENT/);
    expect(() => peer.pid).toThrow(/Cannot start \/nonexistent\/program/);
  });

  it("finds the compiled form of a source file", () => {
    expect(existsSync(compiled("test/support/peers/echo-lines.ts"))).toBe(true);
  });
});
