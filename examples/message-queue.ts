// A queue of jobs that outlives its processes: one process leaves jobs and ends, two others that start later share them.
//
// Run it with `node message-queue.js`; it starts its own other processes, prints, and cleans up.
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { ChannelError, json, MessageQueue } from "sluice";

interface Job {
  readonly job: number;
  readonly urgent?: boolean;
}

const codec = json<Job>();
const [role, name = ""] = process.argv.slice(2);

if (role === "leave") await leaveJobs();
else if (role === "work") await work();
else await main();

async function main(): Promise<void> {
  const own = `/example-${process.pid}`;
  // Made here, with room for ten messages, for this user alone.
  await using jobs = await MessageQueue.open(own, { create: true, exclusive: true, codec });
  try {
    await run("leave", own);
    console.log(`main: ${jobs.stat().messages} jobs wait, and nobody is there`);
    await Promise.all([run("work", own), run("work", own)]);
    console.log(`main: ${jobs.stat().messages} jobs are left`);
  } finally {
    MessageQueue.unlink(own);
  }
}

async function leaveJobs(): Promise<void> {
  const jobs = await MessageQueue.open(name, { direction: "send", codec });
  for (let job = 1; job <= 5; job++) await jobs.send({ job });
  await jobs.send({ job: 6, urgent: true }, { priority: 9 });
  // Fulfils when all are in the kernel's queue: from now on this process may end.
  await jobs.close();
}

async function work(): Promise<void> {
  await using jobs = await MessageQueue.open(name, { direction: "receive", codec });
  for (;;) {
    try {
      const { job, urgent } = await jobs.receive({ timeout: 200 });
      console.log(`worker: job ${job}${urgent === true ? ", which is urgent" : ""}`);
    } catch (error) {
      // A queue has no end: nothing came for a while, so the work is done.
      if (error instanceof ChannelError && error.code === "ERR_TIMEOUT") return;
      throw error;
    }
  }
}

async function run(what: string, queue: string): Promise<void> {
  const child = spawn(process.execPath, [import.meta.filename, what, queue], { stdio: "inherit" });
  await once(child, "exit");
}
