/**
 * Shared memory between two processes: a counter in named memory, then a channel over two rings that carries JSON and, without a
 * copy, a large block.
 *
 * Run it alone: it starts its second process itself.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { SharedBuffer } from "sluice";

const name = process.argv[2] ?? `/sluice-example-${process.pid}`;
// An abstract name: no file is left behind. A process of another user is refused all the same.
const meetingPoint = `\0${name.slice(1)}`;
const isChild = process.argv[2] !== undefined;
const BLOCK = 256 * 1024;

async function parent(): Promise<void> {
  using memory = SharedBuffer.create({ name, size: 4096 });
  const counter = memory.view(Int32Array, 0, 1);
  const listener = await SharedBuffer.listen(meetingPoint);
  const child = spawn(process.execPath, [import.meta.filename, name], { stdio: "inherit" });
  const exited = once(child, "exit");

  const channel = await listener.accept();
  await listener.close();
  console.log(`parent: process ${channel.peer.pid} of user ${channel.peer.uid} has connected`);

  // Both processes add to the same word.
  for (let count = 0; count < 100_000; count++) Atomics.add(counter, 0, 1);
  await channel.receive(); // the child has finished counting
  console.log(`parent: the counter is ${Atomics.load(counter, 0)}`);

  // A large message is written straight into the ring …
  const loan = await channel.loan(BLOCK);
  loan.bytes.fill(7);
  loan.commit();

  for await (const message of channel) console.log(`parent: the child says ${message.toString()}`);
  const [code] = (await exited) as [number | null];
  process.exitCode = code ?? 1;
}

async function child(): Promise<void> {
  using memory = SharedBuffer.open(name);
  const counter = memory.view(Int32Array, 0, 1);
  await using channel = await SharedBuffer.connect(meetingPoint);
  for (let count = 0; count < 100_000; count++) Atomics.add(counter, 0, 1);
  await channel.send(Buffer.from("counted"));

  // … and read where it lies.
  using block = await channel.receiveLoan();
  let sum = 0;
  for (const byte of block.bytes) sum += byte;
  await channel.send(Buffer.from(`the block of ${block.bytes.length} bytes sums up to ${sum}`));
}

await (isChild ? child() : parent());
