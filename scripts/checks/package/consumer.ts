// A user's program that takes something from every entry point. It is compiled in projects of their own, where its types must hold, and run there.
import { type Channel, ChannelError, json, MemoryChannel, type Receiver, UnixSocket } from "sluice";
import { type DaemonMetrics, policy, quota, runDaemon } from "sluice/daemon";
import { publisher, subscriber } from "sluice/pubsub";
import { createClient, RemoteError, serve } from "sluice/rpc";

interface Job {
  readonly id: number;
}

const codec = json<Job>();

// Whatever carries the messages, their type comes from the codec.
const [left, right]: readonly [Channel<Job>, Channel<Job>] = MemoryChannel.pair({ codec });
await left.send({ id: 1 });
const job: Job = await right.receive({ timeout: 1000 });
// @ts-expect-error A job's id is a number.
left.trySend({ id: "two" });
await left.close();
await right.close();

const path = `/tmp/sluice-consumer-${String(process.pid)}.sock`;
const methods = {
  half: ({ id }: Job) => id / 2,
  refuse(): never {
    throw new RangeError("nobody may call this");
  },
};
const server = serve(await UnixSocket.listen(path), methods, quota({ callsInFlight: 4 }));
const client = createClient<typeof methods>(await UnixSocket.connect(path));
const half: number = await client.half({ id: 7 });
const failure: unknown = await client.refuse().catch((error: unknown) => error);
if (!(failure instanceof RemoteError)) throw new Error(`a RemoteError was expected, not ${String(failure)}`);
await client[Symbol.asyncDispose]();
await server[Symbol.asyncDispose]();

const [here, there] = MemoryChannel.pair();
const jobs = publisher(here, { codec, retain: 4 });
await jobs.publish("jobs.new", job);
const subscription = subscriber(there, { codec, topics: ["jobs.*"] });
const { topic, message }: { topic: string; message: Job } = await subscription.receive({ timeout: 1000 });
await jobs.close();

const access = policy({ roles: { owner: { uids: [0] } }, rules: [{ allow: "owner", methods: ["*"] }] });
const daemon = await runDaemon({ name: `sluice-consumer-${String(process.pid)}`, onStart: () => undefined });
const code: number = await daemon.stop("the program is over");

const error = new ChannelError("ERR_TIMEOUT", "too late", { operation: "receive" });
const codes: readonly string[] = [error.code, typeof access];
/** Types alone, as a library on top of this one would export them. */
export type Parts = readonly [Receiver<Job>, DaemonMetrics];

console.log(half, topic, message.id, code, codes.join());
