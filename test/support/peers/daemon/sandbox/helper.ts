// An honest helper: answers each message with how long it is and the names of its variables, until it is told to "crash", "hang" or "leave".
import { AnonymousPipe, json } from "sluice";

const channel = AnonymousPipe.inherit({ codec: json<string | object>() });
for await (const message of channel) {
  if (message === "crash") process.abort();
  if (message === "hang") for (;;);
  if (message === "leave") {
    console.error("leaving");
    process.exitCode = 3;
    break;
  }
  await channel.send({ length: (message as string).length, variables: Object.keys(process.env) });
}
await channel.close();
