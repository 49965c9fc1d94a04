// Goes through the handshake as a follower does, then does what none should: `hostile-follower PATH WAY`.
import { loadCore, Poll, READABLE, SOCK_STREAM } from "../../../../src/native/binding.js";

const [path = "", way = "page"] = process.argv.slice(2);
const core = loadCore();
const fd = core.socket(SOCK_STREAM);
if (core.connectSocket(fd, Buffer.from(path.replace(/^@/, "\0"))) < 0) throw new Error("cannot connect");

const handles = new Int32Array(2);
const poll = new Poll(fd, () => {
  const hello = new Uint32Array(16);
  if (core.receiveHandles(fd, new Uint8Array(hello.buffer), handles, new Int32Array(3)) <= 0) return;
  poll.close();
  const [ring = -1, page = -1] = handles;
  const pageSize = hello[2] ?? 0;
  const size = pageSize + (hello[3] ?? 0);
  const refused = {
    map: core.mapMemory(ring, 0, size, true),
    write: core.write(ring, Buffer.from("garbage"), 0, 7),
    truncate: core.truncate(ring, 0),
    seal: core.seal(ring, 8),
    page: core.truncate(page, 0),
  };
  console.log(JSON.stringify(refused));
  const map = core.mapMemory(page, 0, pageSize, true);
  if (typeof map === "number") throw new Error("cannot map the page");
  const words = new Int32Array(map);
  let turn = 0;
  // Never hears a bell, sleeps at each look, and lies about its place; or talks where it should listen.
  const attack = (): void => {
    for (let index = 0; index < words.length; index++) words[index] = Math.imul(++turn, 0x9e3779b1) | 1;
    if (way === "talk") core.write(fd, Buffer.alloc(1000, 1), 0, 1000);
    setImmediate(attack);
  };
  attack();
});
poll.set(READABLE);
