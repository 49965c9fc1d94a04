// Starts a helper that would live for ever, with children, and waits to be killed.
import { spawnSandboxed } from "sluice/daemon";

const [marker = ""] = process.argv.slice(2);
spawnSandboxed("/bin/sh", ["-c", `sleep ${marker} & sleep ${marker} & wait`], { over: "stdio" });
console.log("started");
setInterval(() => undefined, 1000);
