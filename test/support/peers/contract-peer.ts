// One end of a channel under the control of a test: see ../remote-end.ts.
import { createInterface } from "node:readline";
import { ChannelError } from "sluice";
import { type End, type EndName, type EndOptions } from "../../contract/maker.js";
import { loadMaker } from "../load-maker.js";
import {
  type Manner,
  messagesOf,
  type Outcome,
  type Plan,
  receivePlan,
  receiveToEnd,
  sendPlan,
  sendToEnd,
} from "../../contract/traffic.js";
import type { Commands, Reply } from "../remote-end.js";

interface Invitation {
  readonly maker: string;
  readonly end: EndName;
  readonly directory: string;
  readonly options: EndOptions;
}

interface Run {
  readonly plan: Plan;
  readonly from: number;
  readonly to: number;
  readonly manner: Manner;
}

let progress = 0;
const onProgress = (count: number): void => {
  progress = count;
};

const invitation = JSON.parse(process.argv[2] ?? "") as Invitation;
const channel = await openEnd(invitation);
tell({ event: "open" });

const commands: Record<keyof Commands, (request: never) => unknown> = {
  send: async ({ plan, from, to, manner }: Run) => {
    await sendPlan(channel, plan, from, to, manner);
    await channel.flush();
    return null;
  },
  receive: async ({ plan, from, to, manner }: Run) => {
    await receivePlan(channel, plan, from, to, manner);
    return null;
  },
  flood: ({ plan }: Run) => flood(plan),
  receiveToEnd: ({ plan, from }: Run) => receiveToEnd(channel, plan, from, onProgress),
  echo: async () => {
    let count = 0;
    for await (const message of channel) {
      await channel.send(message);
      count++;
    }
    return count;
  },
  receiveUnref: async ({ count, answers }: { count: number; answers: boolean }) => {
    for (let received = 0; received < count; received++) {
      const message = await channel.receive();
      if (answers) await channel.send(message);
    }
    channel.unref();
    tell({ event: "unref" });
    const { length } = await channel.receive();
    channel.ref();
    return length;
  },
  unref: () => {
    channel.unref();
    return null;
  },
  progress: () => progress,
  receiveCode: () =>
    channel.receive().then(
      (message) => `a message of ${message.length} bytes`,
      (error: unknown) => (error instanceof ChannelError ? error.code : String(error)),
    ),
  close: async () => {
    await channel.close();
    return null;
  },
  destroy: () => {
    channel.destroy();
    return null;
  },
  exit: ({ code }: { code: number }) => process.exit(code),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, name, request } = JSON.parse(line) as { id: number; name: keyof Commands; request: never };
  void answer(id, async () => commands[name](request));
}
// The test's process has ended.
process.exit(70);

async function openEnd({ maker: name, end, directory, options }: Invitation): Promise<End> {
  const maker = await loadMaker(name);
  if (end === "second") return maker.second(directory, options);
  const first = await maker.first(directory, options);
  tell({ event: "ready" });
  return first.channel;
}

async function answer(id: number, run: () => Promise<unknown>): Promise<void> {
  try {
    tell({ id, result: (await run()) ?? null });
  } catch (error) {
    tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function tell(reply: Reply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

/** Tries whether there is room after every send, as a program without patience does. */
async function flood(plan: Plan): Promise<Outcome> {
  const messageAt = messagesOf(plan);
  const impatient = (count: number): number => {
    let sequence = count;
    while (sequence < count + 50 && channel.trySend(messageAt(sequence))) sequence++;
    return sequence;
  };
  return sendToEnd(channel, plan, onProgress, impatient);
}
