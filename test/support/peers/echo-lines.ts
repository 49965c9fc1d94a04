// Answers each line of standard input, ends with it. Used to test the peers themselves.
import { createInterface } from "node:readline";

console.log(`ready ${process.argv.slice(2).join(" ")}`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "fail") throw new Error("failed as told");
  console.log(`echo ${line}`);
}
