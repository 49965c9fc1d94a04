// What a lock and a record cost in one process when nobody else is there. Prints JSON: nanoseconds, of processor time.
import { layout, SharedBuffer } from "sluice";

const ROUNDS = 9;
const COUNT = 2_000_000;

/** The median of several rounds, in nanoseconds each time. */
function nanoseconds(task: () => void): number {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    task();
    const { user, system } = process.cpuUsage(before);
    // The first compiles.
    if (round > 0) rounds.push(((user + system) * 1000) / COUNT);
  }
  rounds.sort((left, right) => left - right);
  return rounds[ROUNDS >> 1] ?? NaN;
}

using memory = SharedBuffer.create({ size: 4096 });
const mutex = memory.mutex(0);
const mutexNanoseconds = nanoseconds(() => {
  for (let count = 0; count < COUNT; count++) mutex.acquireSync().release();
});

// A place, a course and what is known of them, as a sensor would write it.
const fields = layout({
  x: "f64",
  y: "f64",
  z: "f64",
  dx: "f64",
  dy: "f64",
  dz: "f64",
  roll: "f64",
  pitch: "f64",
  yaw: "f64",
  temperature: "f32",
  pressure: "f32",
  battery: "f32",
  step: "u32",
  satellites: "i32",
  errors: "i32",
  state: "i32",
});
const record = memory.record(fields, 1024);
record.write({ x: 1, y: 2, z: 3, temperature: 20, step: 7, satellites: 9 });
let sum = 0;
const recordNanoseconds = nanoseconds(() => {
  for (let count = 0; count < COUNT; count++) {
    sum += record.read(
      (now) =>
        now.x +
        now.y +
        now.z +
        now.dx +
        now.dy +
        now.dz +
        now.roll +
        now.pitch +
        now.yaw +
        now.temperature +
        now.pressure +
        now.battery +
        now.step +
        now.satellites +
        now.errors +
        now.state,
    );
  }
});

// The same fields where they lie, read by hand.
const at = 1024 + 64;
const f64 = memory.view(Float64Array, at, 14);
const f32 = memory.view(Float32Array, at, 28);
const u32 = memory.view(Uint32Array, at, 28);
const i32 = memory.view(Int32Array, at, 28);
const wide = fields.places.x.offset / 8;
const narrow = fields.places.temperature.offset / 4;
const plainNanoseconds = nanoseconds(() => {
  for (let count = 0; count < COUNT; count++) {
    sum +=
      (f64[wide] ?? 0) +
      (f64[wide + 1] ?? 0) +
      (f64[wide + 2] ?? 0) +
      (f64[wide + 3] ?? 0) +
      (f64[wide + 4] ?? 0) +
      (f64[wide + 5] ?? 0) +
      (f64[wide + 6] ?? 0) +
      (f64[wide + 7] ?? 0) +
      (f64[wide + 8] ?? 0) +
      (f32[narrow] ?? 0) +
      (f32[narrow + 1] ?? 0) +
      (f32[narrow + 2] ?? 0) +
      (u32[narrow + 3] ?? 0) +
      (i32[narrow + 4] ?? 0) +
      (i32[narrow + 5] ?? 0) +
      (i32[narrow + 6] ?? 0);
  }
});
if (!(sum > 0)) throw new Error("nothing was read");
console.log(JSON.stringify({ mutexNanoseconds, recordNanoseconds, plainNanoseconds }));
