// Says with which code opening a FIFO fails for this user.
import { ChannelError, NamedPipe } from "sluice";

const [path = ""] = process.argv.slice(2);
for (const open of [() => NamedPipe.openReader(path), () => NamedPipe.openWriter(path, { timeout: 0 })]) {
  try {
    const channel = await open();
    console.log("opened");
    await channel.close();
  } catch (error) {
    console.log(error instanceof ChannelError ? error.code : String(error));
  }
}
