// A short life of two channels, for NODE_DEBUG=sluice to tell of.
import { MemoryChannel } from "sluice";

const [left, right] = MemoryChannel.pair();
await left.send(Buffer.from("hello"));
await right.receive();
left.destroy();
right.destroy();
await Promise.all([left.closed, right.closed]);
