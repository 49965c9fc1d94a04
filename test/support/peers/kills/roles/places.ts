import { SharedBuffer, UnixSocket } from "sluice";
import { type Role, textOf } from "./plan.js";

/** Whoever takes a place in the file system, serves there for a moment, and gives it back. */
export const placeRoles: Readonly<Record<string, Role>> = {
  listener: async (args) => {
    const type = textOf(args, "type") as "stream" | "seqpacket";
    // More rights than the umask leaves, so that the file gets them afterwards.
    const listener = await UnixSocket.listen(textOf(args, "path"), { type, mode: 0o666 });
    console.log("listening");
    await listener.close();
  },
  dgram: async (args) => {
    const socket = await UnixSocket.bind(textOf(args, "path"), { type: "dgram", mode: 0o666 });
    console.log("listening");
    await socket.close();
  },
  segment: async (args) => {
    const memory = SharedBuffer.create({ name: textOf(args, "name"), size: 8192, mode: 0o666 });
    memory.bytes.fill(1);
    console.log("listening");
    memory.close();
    return Promise.resolve();
  },
};
