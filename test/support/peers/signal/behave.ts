// One behaviour of a process with signals, named by the first argument. The tests look at what it writes and how it ends.
import { readFileSync } from "node:fs";
import { ChannelError, Signal, type SignalName } from "sluice";

const forEver = 2 ** 30;
const [what, which = "SIGUSR2"] = process.argv.slice(2);
const name = which as SignalName;
const stdin = process.stdin;

switch (what) {
  case "keep-open": {
    const signals = Signal.open([name]);
    console.log("ready");
    console.log((await signals.receive()).signal);
    await signals.close();
    break;
  }
  case "unref":
    Signal.open([name]).unref();
    break;
  case "unref-peer":
    Signal.open([name], { peer: process.ppid }).unref();
    break;
  case "close":
    await Signal.open([name]).close();
    break;
  case "on":
    Signal.on(name, () => undefined);
    break;
  case "open-and-close": {
    const before = readFileSync("/proc/self/status", "utf8");
    await Signal.open([name]).close();
    console.log(
      before.match(/SigCgt:.*/)?.[0] === readFileSync("/proc/self/status", "utf8").match(/SigCgt:.*/)?.[0],
    );
    setTimeout(() => undefined, forEver);
    break;
  }
  case "reset":
    Signal.ignore(name);
    Signal.send(process.pid, name);
    console.log("survived");
    Signal.reset(name);
    Signal.send(process.pid, name);
    setTimeout(() => undefined, forEver);
    break;
  case "throw":
    process.on("uncaughtException", (error) => {
      console.log(`uncaught: ${error.message}`);
    });
    Signal.on(name, () => {
      throw new Error("first");
    });
    Signal.on(name, (message) => {
      console.log(`second got ${message.signal}`);
      stdin.destroy();
    });
    stdin.resume();
    console.log("ready");
    break;
  case "send-to-parent":
    try {
      Signal.send(process.ppid, name);
      console.log("sent");
    } catch (error) {
      console.log(error instanceof ChannelError ? `${error.code} ${error.message}` : String(error));
    }
    break;
  case "count":
    // Blocks the event loop's thread only while it is stopped from outside.
    {
      let count = 0;
      Signal.on(name, () => {
        count++;
      });
      Signal.on("SIGTERM", () => {
        console.log(count);
        stdin.destroy();
      });
      stdin.resume();
      console.log("ready");
    }
    break;
  default:
    throw new Error(`unknown behaviour ${String(what)}`);
}
