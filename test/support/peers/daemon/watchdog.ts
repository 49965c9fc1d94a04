// Sends signs of life to its service manager; "block MS" has the event loop stand still, "sick" has it hold them back.
import { ServiceManager } from "sluice/daemon";

let isHealthy = true;
const logger = {
  error: (details: object, message: string) => {
    throw new Error(message, { cause: details });
  },
  warn: (details: object) => {
    console.log(`late by ${Math.floor((details as { lag: number }).lag)} ms`);
  },
};
const manager = new ServiceManager({ logger });
manager.watchdog({
  isHealthy: () => {
    if (!isHealthy) console.log("held back");
    return isHealthy;
  },
});
console.log("watching");
process.stdin.on("data", (line) => {
  const [word, milliseconds] = String(line).trim().split(" ");
  isHealthy = word !== "sick";
  if (word !== "block") return;
  console.log("blocking");
  const end = performance.now() + Number(milliseconds);
  while (performance.now() < end) {
    // as a synchronous computation does
  }
  console.log("unblocked");
});
