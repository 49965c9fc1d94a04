import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { takeSockets } from "../../../src/daemon/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { freshPath } from "../systemd/support.js";

const keeps = { code: "ERR_ADDRESS_IN_USE", operation: "take over" };
/** How many descriptors of this process are open on a file. */
function descriptorsOf(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false; // that of the directory itself, which is read here
    }
  }).length;
}

const socket = (name: unknown, locked: unknown = false): object => ({ name, locked });

/** Plays a predecessor that says these things, each when it is asked for, the first of them with so many descriptors. */
async function predecessor(handles: number, ...words: readonly unknown[]): Promise<Predecessor> {
  const path = freshPath();
  const listener = await UnixSocket.listen(path, { type: "seqpacket", maxHandles: 253 });
  const offered = `${path}.offered`;
  const file = openSync(offered, "w");
  const told = (async (): Promise<void> => {
    await using successor = await listener.accept();
    let fds: readonly number[] = Array.from({ length: handles }, () => file);
    for (const word of words) {
      await successor.receive();
      await successor.send(Buffer.from(typeof word === "string" ? word : JSON.stringify(word)), {
        handles: fds,
      });
      fds = [];
    }
  })();
  return {
    path,
    offered,
    async [Symbol.asyncDispose]() {
      await told;
      await listener.close();
      closeSync(file);
    },
  };
}

interface Predecessor extends AsyncDisposable {
  readonly path: string;
  /** The file whose descriptors come with the first word. */
  readonly offered: string;
}

describe("takeSockets from a predecessor that speaks nonsense", () => {
  const offers: readonly (readonly [what: string, message: unknown, handles: number])[] = [
    ["nothing", null, 2],
    ["a number", 7, 1],
    ["a list", [], 1],
    ["what is no JSON", "{", 2],
    ["an empty object", {}, 1],
    ["an offer that is none", { offer: 7 }, 2],
    ["an offer of text", { offer: "abc" }, 3],
    ["an offer of nothing", { offer: [null] }, 1],
    ["a name that is none", { offer: [socket(7)] }, 1],
    ["a lock that is neither there nor not", { offer: [socket("a", 1)] }, 2],
    ["one name twice", { offer: [socket("a"), socket("a")] }, 2],
    ["one name twice, with locks", { offer: [socket("a", true), socket("a", true)] }, 4],
    ["fewer descriptors than it names", { offer: [socket("a"), socket("b", true)] }, 2],
    ["no descriptor", { offer: [socket("a")] }, 0],
    ["more descriptors than it names", { offer: [socket("a")] }, 3],
    ["a reason that is none", { refused: 7 }, 1],
  ];
  it.each(offers)(
    "rejects with ERR_ADDRESS_IN_USE and closes all that came: %s",
    async (_, message, handles) => {
      await using other = await predecessor(handles, message);
      await expect(takeSockets(other.path)).rejects.toMatchObject({ ...keeps, address: other.path });
      expect(descriptorsOf(other.offered), "but the predecessor's own").toBe(1);
    },
  );

  const answers: readonly (readonly [what: string, answer: unknown])[] = [
    ["nothing", null],
    ["what is no JSON", "{"],
    ["that it is ours, in another word", { yours: "perhaps" }],
    ["an offer", { offer: [] }],
  ];
  it.each(answers)("rejects ready() in the same way where the answer is %s", async (_, answer) => {
    await using other = await predecessor(1, { offer: [socket("a")] }, answer);
    const taken = await takeSockets(other.path);
    await expect(taken?.ready()).rejects.toMatchObject({ ...keeps, address: other.path });
    expect(taken?.names, "and keeps nothing").toEqual([]);
    expect(descriptorsOf(other.offered), "but the predecessor's own").toBe(1);
  });
});
