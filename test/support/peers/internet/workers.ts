// Starts worker threads that flood a UDP socket of their own, terminates each in mid-traffic, and counts descriptors.
import { readdirSync } from "node:fs";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { UdpSocket } from "sluice";

if (isMainThread) {
  const openDescriptors = (): number => readdirSync("/proc/self/fd").length;
  let before = 0;
  for (let count = 0; count <= 10; count++) {
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((resolve) => worker.once("message", resolve));
    await worker.terminate();
    if (count === 0) before = openDescriptors(); // the first may leave what Node keeps for all
  }
  console.log(`10 terminated, ${openDescriptors() - before} descriptors left`);
} else {
  const receiver = await UdpSocket.bind();
  const sender = await UdpSocket.connect({ port: receiver.localAddress.port });
  const flooding = (async () => {
    for (;;) await sender.sendMany(Array.from({ length: 64 }, () => Buffer.alloc(500)));
  })();
  await receiver.receive();
  parentPort?.postMessage("in mid-traffic");
  for await (const _ of receiver);
  await flooding;
}
