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
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChannelError, NamedPipe, SharedBuffer, UnixSocket } from "sluice";
import { auditLog, offerSockets, runtimeDirectory } from "sluice/daemon";
import { InstanceLock } from "../../src/daemon/lifecycle/instance-lock.js";
import { openFolder } from "../../src/daemon/runtime-directory.js";
import { startProgram } from "../support/child.js";

const isRoot = process.geteuid?.() === 0;
const STRANGER = 65532;
const ROUNDS = 10_000;
// It is the listen() of path-race.test.ts, with more around it.
const HAND_OVER_ROUNDS = 2000;
const swapper = fileURLToPath(new URL("../support/peers/security/swap.py", import.meta.url));
let folder = "";
const name = `sluice-swap-${process.pid}`;
const environment = process.env["RUNTIME_DIRECTORY"];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-swap-"));
  chmodSync(folder, 0o755);
});

afterEach(() => {
  if (environment === undefined) delete process.env["RUNTIME_DIRECTORY"];
  else process.env["RUNTIME_DIRECTORY"] = environment;
  rmSync(folder, { recursive: true, force: true });
  for (const each of readdirSync("/dev/shm"))
    if (each.startsWith(name)) rmSync(`/dev/shm/${each}`, { recursive: true, force: true });
});

/** All that could be done to the files of a folder: make, remove, replace, give other rights or content. */
function stateOf(path: string): unknown {
  return [path, ...readdirSync(path).map((each) => join(path, each))].map((each) => {
    const { ino, mode, uid, size, mtimeMs, ctimeMs, nlink } = lstatSync(each);
    return [each, ino, mode, uid, size, mtimeMs, ctimeMs, nlink];
  });
}

/** What is done at the path in each round. */
type Work = (path: string) => unknown;

const works: Record<string, Work> = {
  "a FIFO": async (path) => {
    await NamedPipe.create(path, { exclusive: false });
    const reader = await NamedPipe.openReader(path);
    await reader.close();
    await NamedPipe.unlink(path);
  },
  "shared memory": () => {
    using memory = SharedBuffer.create({ name, size: 4096 });
    memory.bytes.fill(1);
    using again = SharedBuffer.open(name);
    again.bytes.fill(2);
  },
  "an audit log": async (path) => {
    await using log = auditLog({ path });
    log.record({ event: "call", peer: undefined, allowed: false });
    await log.flush();
    log.reopen();
    log.record({ event: "call", peer: undefined, allowed: false });
  },
  "a hand-over socket": async (path) => {
    await using listener = await UnixSocket.listen(`\0${name}`);
    await using _offer = await offerSockets(path, { listener });
  },
};

async function race(
  path: string,
  work: Work,
  rounds = ROUNDS,
): Promise<{ done: number; codes: Set<string> }> {
  const victims = join(folder, "victims");
  mkdirSync(victims);
  writeFileSync(join(victims, "file"), "untouched", { mode: 0o600 });
  const before = stateOf(victims);
  const user = isRoot ? { uid: STRANGER, gid: STRANGER } : {};
  await using attacker = startProgram("python3", [swapper, path, victims], user);
  await attacker.expectLine("swapping");
  // Until there were many swaps, however busy the machine is, or the attacker has died.
  let isOver = false;
  const many = attacker.expectLine("many").finally(() => (isOver = true));
  let done = 0;
  const codes = new Set<string>();
  for (let round = 0; round < rounds || !isOver; round++) {
    try {
      await work(path);
      done++;
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      codes.add(error.code);
    }
    // The attacker runs in the meantime, whatever the machine has of processors.
    if (round % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await many;
  attacker.end();
  expect(stateOf(victims)).toEqual(before);
  return { done, codes };
}

describe("a path that another user swaps, thousands of times, leads nowhere", () => {
  it.each(Object.entries(works))("when it is that of %s", async (what, work) => {
    const shared = join(folder, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    if (isRoot) chownSync(shared, STRANGER, STRANGER);
    const path = what === "shared memory" ? `/dev/shm/${name}` : join(shared, "path");
    const { done, codes } = await race(path, work, what === "a hand-over socket" ? HAND_OVER_ROUNDS : ROUNDS);
    expect(done).toBeGreaterThan(10);
    expect(
      [...codes].filter(
        (code) => !/^ERR_(ADDRESS_IN_USE|ACCESS_DENIED|INVALID_MESSAGE|SYSTEM|NO_PEER)$/.test(code),
      ),
    ).toEqual([]);
  });

  it("when it is that of a runtime directory and its pid file: it is refused before anything is made in it", async () => {
    const shared = join(folder, "shared");
    mkdirSync(shared);
    // As in /tmp: others may make files, and can replace none but their own.
    chmodSync(shared, 0o1777);
    const path = join(shared, "path");
    const { done, codes } = await race(path, async () => {
      (await InstanceLock.acquire("daemon", () => openFolder(path))).release();
      process.env["RUNTIME_DIRECTORY"] = path;
      runtimeDirectory("daemon");
    });
    expect(done).toBeGreaterThan(10);
    expect([...codes].filter((code) => !/^ERR_(ACCESS_DENIED|SYSTEM)$/.test(code))).toEqual([]);
  });
});
