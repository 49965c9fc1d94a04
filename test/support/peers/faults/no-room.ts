// Has the core make descriptors until no memory is left to remember another, and tells by a line of JSON what is there then. The core has to be a build with --faults, and SLUICE_FAULTS
// has to name a file of PAGE_BYTES.
import { existsSync, openSync, readdirSync } from "node:fs";
import { constants } from "node:os";
import { loadCore } from "../../../../src/native/binding.js";
import { Injector } from "./injector.js";

/** What a test is told. A number below 0 is a negative errno. */
export interface NoRoom {
  /** What making another file said, and whether it was made all the same. */
  readonly file: readonly [result: number, made: boolean];
  /** The same of a POSIX queue. */
  readonly queue: readonly [result: number, made: boolean];
  /** The results of a pipe, and of receiving a message with a descriptor. */
  readonly refused: readonly number[];
  /** How many descriptors were opened by what was refused. */
  readonly opened: number;
  /** With memory again: the bytes and descriptors of the message that could not be received before. */
  readonly received: readonly [bytes: number, handles: number];
}

const MOST = 2000;
const ROOM = 253;

const [folder = ""] = process.argv.slice(2);
const core = loadCore();
const { O_CREAT = 0, O_EXCL = 0, O_RDWR = 0, SOCK_STREAM = 0 } = core.constants as Record<string, number>;
const flags = O_CREAT | O_EXCL | O_RDWR;
const open = (): number => readdirSync("/proc/self/fd").length;

const pair = new Int32Array(2);
core.socketPair(SOCK_STREAM, pair);
const [left = -1, right = -1] = pair;
core.sendHandles(left, Buffer.from("message"), Int32Array.of(openSync("/dev/null", "r")));
const receive = (info: Int32Array): number =>
  core.receiveHandles(right, new Uint8Array(100), new Int32Array(ROOM), info);

const injector = new Injector(process.env["SLUICE_FAULTS"] ?? "");
const failing = { kind: "fail", nth: 1, times: 2 ** 31, value: constants.errno.ENOMEM } as const;
injector.arm([
  { call: "calloc", ...failing },
  { call: "realloc", ...failing },
]);
let number = 0;
let result = 0;
while (result >= 0 && number < MOST) result = core.open(`${folder}/${++number}`, flags, 0o600);
const before = open();
const name = `/sluice-no-room-${process.pid}`;
const queue = core.mqOpen(name, flags, 0o600, 1, 8);
const refused = [core.pipe(new Int32Array(2), 0), receive(new Int32Array(3))];
const opened = open() - before;
injector.disarm();

const info = new Int32Array(3);
const told: NoRoom = {
  file: [result, existsSync(`${folder}/${number}`)],
  queue: [queue, core.mqUnlink(name) === 0],
  refused,
  opened,
  received: [receive(info), info[1] ?? 0],
};
console.log(JSON.stringify(told));
