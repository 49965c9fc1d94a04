import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { ChannelError, UnixSocket } from "sluice";
import { startProgram } from "../support/child.js";

const isRoot = process.geteuid?.() === 0;
const STRANGER = 65532;
const ROUNDS = 10_000;
const swapper = fileURLToPath(new URL("../support/peers/security/swap.py", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-race-"));
let umask: number | undefined;

afterEach(() => {
  if (umask !== undefined) process.umask(umask);
  rmSync(folder, { recursive: true, force: true });
});

/** All that listen() could do to the files of a folder: make, remove, replace, give other rights or content. */
function stateOf(victims: string): unknown {
  const look = (path: string): unknown => {
    const { ino, mode, uid, size, mtimeMs, ctimeMs, nlink } = lstatSync(path);
    return [path, ino, mode, uid, size, mtimeMs, ctimeMs, nlink];
  };
  return [
    victims,
    ...readdirSync(victims)
      .sort()
      .map((name) => join(victims, name)),
  ].map(look);
}

it("a path that another user swaps during listen(), 10,000 times, never makes us bind, chmod or unlink anything outside", async () => {
  chmodSync(folder, 0o755);
  const [shared, victims] = [join(folder, "shared"), join(folder, "victims")];
  for (const each of [shared, victims]) mkdirSync(each);
  chmodSync(shared, 0o777);
  if (isRoot) chownSync(shared, STRANGER, STRANGER);
  writeFileSync(join(victims, "file"), "untouched", { mode: 0o600 });
  // A socket whose owner is gone: what listen() would replace, if it were there.
  const stale = join(victims, "stale.sock");
  await using owner = startProgram("socat", [`UNIX-LISTEN:${stale},unlink-close=0`, "-"]);
  while (!readdirSync(victims).includes("stale.sock")) await new Promise((resolve) => setImmediate(resolve));
  owner.kill("SIGKILL");
  await owner.exit;
  const before = stateOf(victims);

  const path = join(shared, "s.sock");
  const user = isRoot ? { uid: STRANGER, gid: STRANGER } : {};
  await using attacker = startProgram("python3", [swapper, path, victims], user);
  await attacker.expectLine("swapping");
  // So that the file's mode has to be mended after it was bound.
  umask = process.umask(0o077);
  const codes: Record<string, number> = {};
  let listened = 0;
  const count = (error: unknown): void => {
    if (!(error instanceof ChannelError)) throw error;
    codes[error.code] = (codes[error.code] ?? 0) + 1;
  };
  // Until there were many swaps, however busy the machine is, or the attacker has died.
  let isOver = false;
  const many = attacker.expectLine("many").finally(() => (isOver = true));
  for (let round = 0; round < ROUNDS || !isOver; round++) {
    // Where listen() is refused at once, nothing else would be waited for, and what the attacker says would not be read.
    if (round % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    try {
      const listener = await UnixSocket.listen(path, {
        mode: 0o666,
        type: round % 2 === 0 ? "stream" : "seqpacket",
      });
      listened++;
      await listener.close().catch(count);
    } catch (error) {
      count(error);
    }
  }
  await many;
  attacker.end();
  expect(stateOf(victims)).toEqual(before);
  expect(listened).toBeGreaterThan(100);
  expect(
    Object.keys(codes).filter((code) => !/^ERR_(ADDRESS_IN_USE|ACCESS_DENIED|SYSTEM)$/.test(code)),
  ).toEqual([]);
  expect(codes["ERR_ADDRESS_IN_USE"]).toBeGreaterThan(100);
});
