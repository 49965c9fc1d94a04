// The program of the first side: it listens, starts the guests, and does its part of the workload.
//
//   node host.js TASK      (a Task as JSON)
import { existsSync, mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Host, Meeting, Style } from "./contestant.js";
import { type Guest, startGuest } from "./guests.js";
import { measureIdle, OPENED } from "./idle.js";
import { Sink } from "./sink.js";
import { Source } from "./source.js";
import { load, part, type Task, tell } from "./task.js";

/** How long a guest may take to end after its link has. */
const GRACE_MILLISECONDS = 2000;
/** How often the host looks whether the guest has opened all connections. */
const LOOK_MILLISECONDS = 10;

const task = JSON.parse(process.argv[2] ?? "{}") as Task;
const { contestant, style } = await load(task);

function meetingOf(guests: readonly Guest[], folder: string, count: number): Meeting {
  return {
    folder,
    guests: count,
    index: 0,
    size: task.size,
    twoWay: task.workload === "round-trip",
    spin: task.spin,
    children: guests.flatMap(({ child }) => child ?? []),
    ports: guests.flatMap(({ port }) => port ?? []),
  };
}

function startGuests(count: number): Guest[] {
  return Array.from({ length: count }, (_, index) => startGuest(contestant, { ...task, index }));
}

/** Listens and starts the guests, in the order that the contestant needs. */
async function open(): Promise<{ guests: Guest[]; host: Host<unknown> }> {
  const count = task.workload === "idle" ? 1 : task.guests;
  if (contestant.guest !== "process") {
    const guests = startGuests(count);
    return { guests, host: await contestant.listen(meetingOf(guests, task.folder, count)) };
  }
  const host = await contestant.listen(meetingOf([], task.folder, task.guests));
  return { guests: startGuests(count), host };
}

async function work(host: Host<unknown>, chosen: Style<unknown>, guests: readonly Guest[]): Promise<void> {
  const links = await host.accept();
  const [link] = links;
  if (task.workload === "one-way") {
    const sink = new Sink(task.size);
    await part(chosen.receive, "receive", task)(link, sink);
    tell(sink.report());
  } else if (task.workload === "fan-out") {
    const source = new Source(task.size, task.span);
    await part(chosen.publish, "publish", task)(links, source);
    tell(source.report());
  } else {
    // The answering side has no end of its own: the asking side's end is the end of the run.
    // It may break the link by ending; an answer that fails for another reason leaves the asking side waiting.
    const answers =
      task.workload === "calls" ? part(chosen.serve, "serve", task) : part(chosen.answer, "answer", task);
    answers(link).catch((error: unknown) => {
      setTimeout(() => fail(error), GRACE_MILLISECONDS);
    });
  }
  if (task.workload === "one-way") for (const guest of guests) guest.release();
}

/** Opens a few connections, then the many that are measured, so that code which is loaded once is not counted. */
async function idle(): Promise<void> {
  const few = `${task.folder}/few`;
  const all = `${task.folder}/all`;
  mkdirSync(few);
  mkdirSync(all);
  const first = await contestant.listen(meetingOf([], few, task.guests >> 4));
  const [guest] = startGuests(1);
  if (guest === undefined) throw new Error("there is no guest");
  guest.done.catch(fail);
  const warm = await first.accept();
  const second = await contestant.listen(meetingOf([], all, task.guests));
  const measured = await measureIdle(task.guests, async () => {
    guest.next();
    const links = await second.accept();
    while (!existsSync(`${task.folder}/${OPENED}`)) await delay(LOOK_MILLISECONDS);
    return links;
  });
  tell({ role: "idle-host", ...measured.report });
  const receive = part(style.receive, "receive", task);
  const received = Promise.all(
    measured.links.map(async (link) => {
      const sink = new Sink(task.size);
      await receive(link, sink);
    }),
  );
  guest.next();
  await received;
  guest.release();
  await guest.done;
  if (warm.length !== task.guests >> 4) throw new Error("the first connections did not all come");
}

function fail(error: unknown): void {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

if (task.workload === "idle") {
  await idle();
} else {
  const { guests, host } = await open();
  const done = Promise.all(guests.map((guest) => guest.done));
  done.catch(fail);
  await work(host, style, guests);
  await done;
}
process.exit(0);
