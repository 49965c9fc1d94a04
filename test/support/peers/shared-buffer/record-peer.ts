// Writes or reads the record at the beginning of a named segment, without end: `record-peer NAME write|read`. Each write gives all
// fields the same number; a reader ends with 1 when it sees two.
import { layout, SharedBuffer } from "sluice";

const [name = "", how] = process.argv.slice(2);
const record = SharedBuffer.open(name).record(
  layout({ first: "u32", second: "f64", many: "i32[100]", last: "i64" }),
);
console.log("ready");
if (how === "write") {
  for (let value = record.read().first + 1; ; value++) {
    record.write({ first: value, second: value, many: new Int32Array(100).fill(value), last: BigInt(value) });
  }
}
for (let count = 0; ; count++) {
  const isWhole = record.read(
    ({ first, second, many, last }) =>
      second === first && last === BigInt(first) && many.every((value) => value === first),
  );
  if (!isWhole) {
    console.log("torn");
    process.exit(1);
  }
  if (count === 20_000) console.log("many");
}
