// A thread that waits at a System V queue, in a process that changes its user meanwhile and then ends with the thread still waiting.
import { readdirSync, readFileSync } from "node:fs";
import { loadCore } from "../../../../src/native/binding.js";

const core = loadCore();
const id = core.msgGet(0, (core.constants["IPC_CREAT"] ?? 0) | 0o600);
const thread = core.msgWaitOpen(core.eventfd());
if (typeof thread === "number") throw new Error(`msgWaitOpen failed with errno ${-thread}`);
core.msgWaitMessage(thread, id, 0);
const masksOf = (): string[] =>
  readdirSync("/proc/self/task").map(
    (tid) => /^SigBlk:\s*(\w+)/m.exec(readFileSync(`/proc/self/task/${tid}/status`, "latin1"))?.[1] ?? "",
  );
// The thread sets its mask itself, when it begins.
const isSet = (): boolean => masksOf().some((mask) => mask.startsWith("fffffffc7f"));
while (!isSet()) await new Promise((resolve) => setImmediate(resolve));
console.log(JSON.stringify(masksOf()));
// The C library tells every thread, and waits until each has answered.
const uid = process.geteuid?.() ?? 0;
process.seteuid?.(uid === 0 ? 65_534 : uid);
process.seteuid?.(uid);
console.log("uid changed, and back");
core.msgRemove(id);
