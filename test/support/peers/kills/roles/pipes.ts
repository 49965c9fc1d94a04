import { NamedPipe } from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../../../mechanisms/shared-buffer/pattern.js";
import { numberOf, type Role, textOf } from "./plan.js";

/** Who makes and opens named pipes. */
export const pipeRoles: Readonly<Record<string, Role>> = {
  async "pipe writer"(args) {
    const path = textOf(args, "path");
    await NamedPipe.create(path, { exclusive: false, mode: 0o622 });
    console.log("open");
    const writer = await NamedPipe.openWriter(path);
    for (let sequence = 0; sequence < numberOf(args, "messages"); sequence++)
      await writer.send(messageOf(sequence, lengthOf(sequence, 4, 20_000)));
    await writer.close();
  },
  async "pipe reader"(args) {
    const path = textOf(args, "path");
    await NamedPipe.create(path, { exclusive: false, mode: 0o622 });
    const reader = await NamedPipe.openReader(path);
    console.log("open");
    for (let sequence = 0; sequence < numberOf(args, "messages"); sequence++)
      checkMessage(await reader.receive(), sequence, lengthOf(sequence, 4, 20_000));
    await reader.close();
  },
  async "pipe side"(args) {
    const path = textOf(args, "path");
    await NamedPipe.create(`${path}.a`, { exclusive: false });
    await NamedPipe.create(`${path}.b`, { exclusive: false });
    const opening = NamedPipe.openDuplex(path);
    console.log("side taken");
    const channel = await opening;
    console.log("open");
    for (let sequence = 0; sequence < numberOf(args, "messages"); sequence++) {
      await channel.send(messageOf(sequence, lengthOf(sequence, 4, 3000)));
      checkMessage(await channel.receive(), sequence, lengthOf(sequence, 4, 3000));
    }
    await channel.close();
  },
};
