// Answers each line of its standard input in capitals, over a channel; says on the error output what console.log writes.
import { AnonymousPipe, ChannelError, lines, text } from "sluice";

try {
  const channel = AnonymousPipe.stdio({ framing: lines(), codec: text() });
  console.log("this is no message");
  for await (const line of channel) await channel.send(line.toUpperCase());
  console.log("the end");
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
