// The package on an emulated arm64 processor, with the arm64 build of Node and of the native core. Each process needs seconds to start, so it is done at length only.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { buildFolder, root } from "../../../scripts/lib/project.mjs";
import { record } from "../../support/campaign.js";
import { binary, need, type Runtime } from "./runtimes.js";
import { measure, MESSAGES, promised } from "./smoke.js";

const emulator = "/usr/bin/qemu-aarch64-static";
const compiler = "/usr/bin/aarch64-linux-gnu-gcc";
const libraries = "/usr/aarch64-linux-gnu";
const arm64: Runtime = { command: [emulator, "-L", libraries, binary("node-arm64", "bin/node")] };
const LIMIT = 1_800_000;

/**
 * Once the runtimes are installed.
 *
 * @param program - gives the path of the first program of the smoke test
 */
export function describeEmulation(program: () => string): void {
  it("does on arm64, emulated, what it does elsewhere", { timeout: LIMIT }, async () => {
    needEmulator();
    // A signal that the emulator can send with a value: see the next test.
    const runtime = { ...arm64, env: { SLUICE_SMOKE_SIGNAL: "SIGUSR2" } };
    const found = await measure(runtime, program(), MESSAGES);
    expect(found).toEqual(promised("Node 22"));
    record("runtimes", "smoke of the package on arm64, emulated", {
      works: Object.keys(found).length,
      of: Object.keys(found).length,
    });
  });

  it("sends on arm64, emulated, real-time signals as far as the emulator does so for a program in C", async () => {
    needEmulator();
    const errno = errnoOfQueuedSignal();
    const name = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
    const found = await measure(arm64, program(), 10, ["Signal"]);
    if (errno === 0) expect(found).toEqual({ Signal: "works", exit: "works" });
    else expect(found["Signal"]).toMatch(`(${String(name)})`);
    expect(found["exit"]).toBe("works");
    record("runtimes", "real-time signals with a value on arm64, emulated", {
      emulator: errno === 0 ? "sends them" : `refuses them to C: ${String(name)}`,
    });
  });
}

function needEmulator(): void {
  need(emulator, "qemu-user-static");
  need(libraries, "libc6-dev-arm64-cross");
  need(compiler, "gcc-aarch64-linux-gnu");
}

/**
 * qemu 7.2 changes the number of a real-time signal into another one of the host, but not the number within the siginfo, and the kernel refuses what does not agree:
 * `pidfd_send_signal(3, SIGRT_7, {si_signo=SIGRT_5, …}) = -1 EINVAL`, says strace.
 */
function errnoOfQueuedSignal(): number {
  const folder = path.join(buildFolder, "runtimes");
  mkdirSync(folder, { recursive: true });
  const target = path.join(folder, "queued-signal");
  const source = path.join(root, "test/campaign/runtimes/queued-signal.c");
  execFileSync(compiler, ["-Wall", "-Wextra", "-Werror", "-static", "-o", target, source]);
  const { status, signal } = spawnSync(emulator, [target]);
  if (status === null) throw new Error(`queued-signal.c was ended by ${String(signal)} under emulation`);
  return status;
}
