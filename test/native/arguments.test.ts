import { expect, test } from "vitest";
import { core, Descriptors } from "./kernel.js";

type Call = (...values: unknown[]) => unknown;
const call = core as unknown as Record<string, Call>;

// What stands for each kind of argument, and values that a careless caller could hand over instead.
const samples: Record<string, { good: unknown; bad: unknown[] }> = {
  fd: { good: 1_000_000, bad: [undefined, null, "1", 1.5, -1, NaN, Infinity, 2 ** 31, 1n, {}, []] },
  int: { good: 1, bad: [undefined, null, "1", 1.5, NaN, 2 ** 31, -(2 ** 31) - 1, 1n, {}] },
  mode: { good: 0o600, bad: [undefined, null, "1", 1.5, -1, NaN, 2 ** 32, 1n] },
  size: { good: 4096, bad: [undefined, null, "1", 1.5, -1, NaN, Infinity, 2 ** 53, 1n] },
  boolean: { good: true, bad: [undefined, null, 0, 1, "true", {}] },
  path: {
    good: "/nonexistent/x",
    bad: [undefined, null, 5, "", "a\0b", "\0", "x".repeat(4096), Buffer.from("x"), {}],
  },
  kind: { good: "shared", bad: [undefined, "", "Shared", "exclusive ", 5] },
  bytes: {
    good: new Uint8Array(8),
    bad: [
      undefined,
      null,
      "text",
      [1],
      {},
      new ArrayBuffer(8),
      new Int8Array(8),
      new DataView(new ArrayBuffer(8)),
    ],
  },
  name: {
    good: new Uint8Array([47]),
    bad: [
      undefined,
      null,
      "text",
      [1],
      new Uint8Array(0),
      new Uint8Array(109),
      new Uint8Array(108).fill(65),
      new Uint8Array([65, 0]),
    ],
  },
  endpoint: {
    good: new Uint8Array(24).fill(4, 0, 1),
    bad: [
      undefined,
      null,
      "127.0.0.1",
      [4],
      new Uint8Array(23).fill(4),
      new Uint8Array(24),
      new Int32Array(6),
    ],
  },
  endpointRoom: {
    good: new Uint8Array(24),
    bad: [undefined, null, [4], new Uint8Array(23), new Int32Array(6)],
  },
  ints: {
    good: new Int32Array(8),
    bad: [undefined, null, [1, 2], new Uint32Array(8), new Float64Array(8), new Uint8Array(32)],
  },
  pair: {
    good: new Int32Array(2),
    bad: [undefined, new Int32Array(1), new Int32Array(0), new Uint32Array(2)],
  },
  longs: {
    good: new BigInt64Array(8),
    bad: [undefined, new BigInt64Array(7), new Float64Array(8), new BigUint64Array(8)],
  },
  triple: {
    good: new BigInt64Array(3),
    bad: [undefined, new BigInt64Array(2), new Float64Array(3), new BigUint64Array(3)],
  },
  safe: { good: -1, bad: [undefined, null, "1", 1.5, NaN, Infinity, 2 ** 53, -(2 ** 53), 1n] },
  buffers: {
    good: [new Uint8Array(1)],
    bad: [undefined, null, "text", {}, new Uint8Array(4), [1], ["x"], [undefined], [new Int32Array(1)]],
  },
  zero: { good: 0, bad: [undefined, null, -1, 2, 0.5, NaN, "0"] },
  one: { good: 1, bad: [undefined, null, -1, 2, 0.5, NaN, "0"] },
  offset: { good: 0, bad: [undefined, null, -1, 9, 0.5, NaN, "0"] },
  optionalInt: { good: undefined, bad: [null, "1", 1.5, 2 ** 31] },
  optionalName: { good: undefined, bad: [null, "text", new Uint8Array(0), new Uint8Array(200)] },
  optionalBytes: { good: undefined, bad: [null, "text", [1], new Int32Array(4)] },
  function: { good: () => undefined, bad: [undefined, null, "f", {}] },
  poll: { good: undefined, bad: [undefined, null, -1, 2 ** 24 - 1, 0.5, {}, new ArrayBuffer(8)] },
};

const signatures: Record<string, string> = {
  close: "fd",
  disown: "fd",
  adopt: "fd",
  read: "fd bytes offset offset",
  write: "fd bytes offset offset",
  writev: "fd buffers zero one",
  duplicate: "fd",
  replace: "fd fd",
  isNonBlocking: "fd",
  setNonBlocking: "fd boolean",
  isCloseOnExec: "fd",
  setCloseOnExec: "fd boolean",
  accessMode: "fd",
  drain: "fd",
  queuedBytes: "fd",
  isHungUp: "fd",
  open: "path int mode",
  status: "fd longs",
  statusOf: "path longs",
  lock: "fd kind",
  unlock: "fd",
  unlink: "path",
  setMode: "fd mode",
  pipe: "pair size",
  pipeCapacity: "fd",
  setPipeCapacity: "fd size",
  makeFifo: "path mode",
  createWatcher: "",
  watchOpens: "fd path",
  unwatch: "fd int",
  pollOpen: "fd function",
  pollSet: "poll int",
  pollReference: "poll boolean",
  pollByThread: "",
  pollClose: "poll",
  socket: "int",
  bindSocket: "fd name",
  connectSocket: "fd name",
  disconnectSocket: "fd",
  listenSocket: "fd int",
  acceptSocket: "fd",
  socketPair: "int pair",
  shutdownSocket: "fd int",
  peerCredentials: "fd ints",
  peerGroups: "fd ints",
  peerPidfd: "fd",
  getOption: "fd int",
  setOption: "fd int int",
  socketName: "fd bytes",
  peerName: "fd bytes",
  internetSocket: "int int",
  bindInternet: "fd endpoint",
  connectInternet: "fd endpoint",
  internetName: "fd endpointRoom",
  internetPeerName: "fd endpointRoom",
  sendInternet: "fd bytes offset offset endpoint",
  getOptionAt: "fd int int",
  setOptionAt: "fd int int int",
  setMembership: "fd endpoint mode boolean",
  setMulticastInterface: "fd int mode",
  unsentBytes: "fd",
  droppedPackets: "fd",
  sendPacket: "fd bytes offset offset optionalName",
  sendPackets: "fd buffers zero one optionalName",
  receivePackets: "fd bytes offset size bytes one ints optionalBytes boolean",
  sendHandles: "fd bytes ints",
  receiveHandles: "fd bytes ints ints",
  ringBell: "fd",
  clearBell: "fd",
  eventfd: "",
  signalEvent: "fd",
  clearEvent: "fd",
  pageSize: "",
  createMemory: "size path",
  createUnsealed: "size path",
  seal: "fd int",
  getSeals: "fd",
  openShared: "path int mode",
  unlinkShared: "path",
  truncate: "fd size",
  allocate: "fd size",
  mapMemory: "fd size size boolean",
  mapRing: "fd size size boolean",
  unmapMemory: "poll",
  mqOpen: "path int mode size size",
  mqUnlink: "path",
  mqAttributes: "fd triple",
  mqBytes: "fd",
  mqSend: "fd buffers zero one mode",
  mqReceive: "fd bytes offset one ints",
  msgGet: "int int",
  msgStatus: "int longs",
  msgSetCapacity: "int size",
  msgRemove: "int",
  msgSend: "int buffers zero one size",
  msgReceive: "int bytes zero one ints safe",
  msgWaitOpen: "fd",
  msgWaitMessage: "poll int safe",
  msgWaitSend: "poll int size bytes",
  msgWaitResult: "poll ints",
  msgWaitClose: "poll",
  futexWait: "ints offset int mode",
  futexWake: "ints offset int",
  claimByte: "fd size",
  isByteClaimed: "fd size",
  sleepBegin: "ints offset int mode int size fd",
  sleepCancel: "mode",
  sleepsEnded: "ints",
  signalOpen: "int fd",
  signalClose: "int fd",
  signalConfine: "int int",
  signalDropped: "fd",
  signalSend: "int int optionalInt",
  pidfdSend: "fd int optionalInt",
  pidfdOpen: "int",
  yieldProcessor: "",
  endedChild: "",
  reapChild: "int",
  processControl: "int mode",
  spreadNoNewPrivileges: "",
  clearCapabilities: "",
  signalDisposition: "int",
  setSignalDisposition: "int int",
};

// One argument, in one place, takes any count of 1 or more.
const exempt = new Set(["receivePackets one 2", "mqReceive one 2", "msgReceive one 2"]);

test("the table of this test knows every function of the core", () => {
  const functions = Object.keys(core).filter((name) => typeof call[name] === "function");
  expect(Object.keys(signatures).sort()).toEqual(functions.sort());
});

test.each(Object.entries(signatures).filter(([, kinds]) => kinds !== ""))(
  "%s(%s) refuses every wrong argument by its name and place",
  (name, signature) => {
    const kinds = signature.split(" ");
    kinds.forEach((kind, index) => {
      for (const bad of samples[kind]!.bad) {
        if (exempt.has(`${name} ${kind} ${String(bad)}`)) continue;
        const values = kinds.map((other, i) => (i === index ? bad : samples[other]!.good));
        // What a pointless call would do before the arguments after it are looked at must not happen either.
        const attempt = (): unknown => call[name]!(...values);
        expect(attempt, `${name}: argument ${index + 1} = ${String(bad)}`).toThrow(
          /^sluice core: \w+: argument \d must be /,
        );
        expect(attempt).toThrow(bad === undefined ? TypeError : Error);
      }
    });
  },
);

test("too few arguments are refused like undefined ones, and too many do no harm", () => {
  for (const [name, signature] of Object.entries(signatures)) {
    if (signature === "") continue;
    expect(() => call[name]!(), name).toThrow(TypeError);
  }
  expect(call["pageSize"]!(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)).toBe(core.pageSize());
});

test("a part of a buffer must lie within it, also when its view starts in the middle", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  const whole = new Uint8Array(32).map((_, i) => i);
  const view = whole.subarray(8, 16);
  expect(() => core.write(writer, view, 0, 9)).toThrow(RangeError);
  expect(() => core.write(writer, view, 8, 1)).toThrow(RangeError);
  expect(core.write(writer, view, 8, 0)).toBe(0);
  expect(core.write(writer, view, 2, 6)).toBe(6);
  const out = new Uint8Array(8);
  expect(core.read(reader, out, 1, 7)).toBe(6);
  expect([...out]).toEqual([0, 10, 11, 12, 13, 14, 15, 0]);
});

test("a detached buffer is one of length 0", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  const buffer = new Uint8Array(16);
  structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
  expect(() => core.write(writer, buffer, 0, 1)).toThrow(RangeError);
  expect(core.write(writer, buffer, 0, 0)).toBe(0);
  expect(() => core.read(reader, buffer, 0, 16)).toThrow(RangeError);
});

test("receivePackets() refuses a slab, records or names without room for one packet", () => {
  const room = new Uint8Array(64);
  const info = new Int32Array(8);
  expect(() => core.receivePackets(3, room, 65, 0, room, 1, info, undefined, true)).toThrow(RangeError);
  expect(() => core.receivePackets(3, room, 0, 0, room, 0, info, undefined, true)).toThrow(RangeError);
  expect(() => core.receivePackets(3, room, 0, 0, room, 1, new Int32Array(7), undefined, true)).toThrow(
    RangeError,
  );
  expect(() => core.receivePackets(3, room, 0, 0, room, 1, info, new Uint8Array(111), true)).toThrow(
    RangeError,
  );
});

test("what pollOpen() returns is taken by the poll functions only while it is open", () => {
  using fds = new Descriptors();
  const [reader] = fds.pipe();
  const poll = core.pollOpen(reader, () => undefined);
  expect(poll).toBeGreaterThanOrEqual(0);
  for (const events of [8, 16, -1]) expect(() => core.pollSet(poll, events)).toThrow(RangeError);
  expect(core.pollClose(poll)).toBe(0);
  expect(() => core.pollSet(poll, 1)).toThrow(RangeError);
  expect(() => core.pollClose(poll)).toThrow(RangeError);
  // The next one has the slot, and another number.
  const next = core.pollOpen(reader, () => undefined);
  expect(next).not.toBe(poll);
  expect(() => core.pollSet(poll, 1)).toThrow(RangeError);
  expect(core.pollSet(next, 1)).toBe(0);
  expect(core.pollClose(next)).toBe(0);
});

test("a thousand polls are open at once, each with a number of its own", () => {
  using fds = new Descriptors();
  const polls = Array.from({ length: 500 }, () => fds.pipe())
    .flat()
    .map((fd) => core.pollOpen(fd, () => undefined));
  expect(new Set(polls).size).toBe(1000);
  for (const poll of polls) expect(core.pollClose(poll)).toBe(0);
  for (const poll of polls) expect(() => core.pollClose(poll)).toThrow(RangeError);
});
