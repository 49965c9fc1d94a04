// Message queues: one from the guest to the host and, where messages go both ways, one back.
import { MessageQueue, type MessageQueueIdentity } from "sluice";
import type { Contestant, Meeting, Style } from "../sides/contestant.js";
import { type Carrier, each, many } from "./sluice.js";

interface Link {
  readonly outgoing: Carrier;
  readonly incoming: Carrier;
}

/** One way runs over one of the two queues. */
const styled = (style: Style<Carrier>): Style<Link> => ({
  ...(style.send && { send: ({ outgoing }, source) => style.send?.(outgoing, source) ?? Promise.resolve() }),
  ...(style.receive && {
    receive: ({ incoming }, sink) => style.receive?.(incoming, sink) ?? Promise.resolve(),
  }),
});

const conversing: Style<Link> = {
  ...styled(each),
  async ask({ outgoing, incoming }, ping) {
    for (let question: Buffer | undefined = ping.first(); question !== undefined;) {
      await outgoing.send(question);
      question = ping.next(await incoming.receive());
    }
  },
  async answer({ outgoing, incoming }) {
    for await (const message of incoming) await outgoing.send(message);
  },
};

/** Queues of one kind. */
export function queues(kind: "posix" | "sysv"): Contestant<Link> {
  const queueTo = ({ folder }: Meeting, to: "host" | "guest"): [string, MessageQueueIdentity] =>
    kind === "posix"
      ? [`/${folder.replaceAll("/", "-")}-${to}`, { kind }]
      : [folder, { kind, projectId: to === "host" ? 1 : 2 }];
  const open = (meeting: Meeting, to: "host" | "guest", direction: "send" | "receive"): Promise<Carrier> => {
    const [name, identity] = queueTo(meeting, to);
    const opened: Promise<unknown> = MessageQueue.open(name, { ...identity, direction, create: true });
    return opened as Promise<Carrier>;
  };
  const remove = (meeting: Meeting): void => {
    for (const to of meeting.twoWay ? (["host", "guest"] as const) : (["host"] as const))
      MessageQueue.unlink(...queueTo(meeting, to));
  };
  return {
    guest: "process",
    async listen(meeting) {
      const incoming = await open(meeting, "host", "receive");
      // Where messages go one way nothing is sent on the other link.
      const outgoing = meeting.twoWay ? await open(meeting, "guest", "send") : incoming;
      // Its end would be that of the run.
      if (kind === "sysv") {
        process.once("exit", () => {
          remove(meeting);
        });
      }
      return { accept: () => Promise.resolve([{ outgoing, incoming }]) };
    },
    async connect(meeting) {
      const outgoing = await open(meeting, "host", "send");
      const incoming = meeting.twoWay ? await open(meeting, "guest", "receive") : outgoing;
      // Both sides have the queues open, which so go with the processes.
      if (kind === "posix") remove(meeting);
      return { outgoing, incoming };
    },
    styles: { each: conversing, many: styled(many) },
  };
}
