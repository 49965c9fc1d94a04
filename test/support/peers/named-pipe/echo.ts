// One side of a pair of FIFOs: sends back what comes, until the end.
import { NamedPipe, text } from "sluice";

const channel = await NamedPipe.openDuplex(process.argv[2] ?? "", { codec: text() });
console.log("open");
for await (const message of channel) await channel.send(`echo ${message}`);
console.log("end");
