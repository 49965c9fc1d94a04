// One end of a channel over shared memory: `channel-peer MODE PATH COUNT LEAST MOST [OPTIONS as JSON]`.
import { SharedBuffer } from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../../mechanisms/shared-buffer/pattern.js";

const [mode = "", path = "", countText = "0", leastText = "0", mostText = "0", optionsText = "{}"] =
  process.argv.slice(2);
const count = Number(countText);
const least = Number(leastText);
const most = Number(mostText);
const options = JSON.parse(optionsText) as object;
const channel = await SharedBuffer.connect(path.replace(/^@/, "\0"), options);
console.log("connected");

function* messages(): Generator<Buffer> {
  for (let sequence = 0; sequence < count; sequence++) {
    yield messageOf(sequence, lengthOf(sequence, least, most));
  }
}

switch (mode) {
  case "source-many":
    await channel.sendMany(messages());
    await channel.close();
    break;
  case "source":
    for (const message of messages()) await channel.send(message);
    await channel.close();
    break;
  case "source-loans": {
    let sequence = 0;
    for (const message of messages()) {
      const loan = await channel.loan(message.length);
      message.copy(loan.bytes);
      // Now and then one is given back unused, or sent in part.
      if (sequence % 5 === 4) {
        loan.abandon();
        const longer = await channel.loan(Math.min(most, message.length + 9));
        message.copy(longer.bytes);
        longer.commit(message.length);
      } else loan.commit();
      sequence++;
    }
    await channel.close();
    break;
  }
  case "sink": {
    let sequence = 0;
    for await (const message of channel) {
      checkMessage(message, sequence, lengthOf(sequence, least, most));
      sequence++;
    }
    console.log(`received ${sequence}`);
    break;
  }
  case "echo":
    for await (const message of channel) await channel.send(message);
    break;
  case "stall":
    await channel.closed;
    break;
  default:
    throw new Error(`no mode ${mode}`);
}
