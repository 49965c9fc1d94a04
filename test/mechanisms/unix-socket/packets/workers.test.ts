import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { compiled } from "../../../support/child.js";
import { openDescriptors } from "../../../support/open-descriptors.js";

const program = compiled("test/support/peers/unix-packets/worker.ts");

it("engine native works in a worker that is terminated in mid-traffic, and leaves no descriptor open", async () => {
  const before = openDescriptors();
  for (let round = 0; round < 10; round++) {
    const worker = new Worker(program, { workerData: "native" });
    expect(await once(worker, "message")).toEqual(["running"]);
    await worker.terminate();
  }
  expect(openDescriptors()).toBe(before);
});

it("engine node-unix-socket refuses to run in a worker, which would close sockets of the main thread", async () => {
  const worker = new Worker(program, { workerData: "node-unix-socket" });
  // Asked for first: the worker may be gone when its message is read.
  const exit = once(worker, "exit");
  expect(await once(worker, "message")).toEqual(["ERR_UNSUPPORTED"]);
  await exit;
});
