// A worker that takes jobs from anybody and believes nobody: a schema stands between the bytes and the program.
//
// Run it with `node typed-messages.js`. It needs zod (any Standard Schema validator does), prints, and cleans up.
import { ChannelError, json, MessageError, UnixSocket } from "sluice";
import { z } from "zod";

const Job = z.object({
  id: z.number().int().positive(),
  file: z.string(),
  tries: z.number().int().default(1),
});

const path = `/tmp/typed-messages-${process.pid}.sock`;
await using listener = await UnixSocket.listen(path, { codec: json(Job, { onInvalid: "drop" }) });

// A client without a schema of its own: it may send what it likes.
await using client = await UnixSocket.connect(path, { codec: json<object>() });
await using server = await listener.accept();
for (const job of [{ id: 1, file: "a.txt" }, { id: "two" }, { id: 3, file: "c.txt", tries: 5 }])
  await client.send(job);

for (const expected of [1, 3]) {
  const { id, file, tries } = await server.receive();
  console.log(`job ${id}: ${file}, ${tries} tries`);
  if (id !== expected) throw new Error(`job ${expected} should have come`);
}
console.log("left out:", server.statistics().dropped.invalid);

// With "throw", the default, the receive that meets the message is told what is wrong with it.
await using strict = await UnixSocket.listen(`${path}.strict`, { codec: json(Job) });
await using stranger = await UnixSocket.connect(`${path}.strict`, { codec: json<object>() });
await using careful = await strict.accept();
await stranger.send({ id: -1, file: 7 });
try {
  await careful.receive();
} catch (error) {
  if (!(error instanceof ChannelError) || error.code !== "ERR_INVALID_MESSAGE") throw error;
  for (const { path: place, message } of error.issues ?? []) console.log(place, message);
}

// Whoever wants to hear of his own mistakes has both ways checked.
try {
  json(Job, { validate: "both" }).encode({ id: 0, file: "d.txt" });
} catch (error) {
  console.log(error instanceof TypeError && error.cause instanceof MessageError ? error.message : error);
}
