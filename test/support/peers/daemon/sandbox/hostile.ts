// Has been taken over by the bytes it was given to parse, and tries what harm it can do. Tells of each attempt how it went: a line "NAME OUTCOME" on standard output.
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { connect } from "node:net";

interface Targets {
  readonly secret: string;
  readonly readable: string;
  readonly pid: number;
  readonly port: number;
  readonly abstract: string;
  readonly path: string;
}

const targets = JSON.parse(process.argv[2] ?? "{}") as Targets;

async function attempt(name: string, work: () => unknown): Promise<void> {
  let outcome: string;
  try {
    outcome = `worked: ${JSON.stringify(await work())}`;
  } catch (error) {
    outcome = (error as NodeJS.ErrnoException).code ?? String(error);
  }
  writeSync(1, `${name} ${outcome}\n`);
}

const connected = (options: object): Promise<unknown> =>
  once(connect(options as { path: string }), "connect").then(() => "connected");

await attempt("readable", () => readFileSync(targets.readable, "utf8"));
await attempt("passwd", () => readFileSync("/etc/passwd").length);
await attempt("secret", () => readFileSync(targets.secret).length);
await attempt("root-of-1", () => readFileSync(`/proc/1/root${targets.secret}`).length);
await attempt("files-of-caller", () => readFileSync(`/proc/${targets.pid}/environ`).length);
await attempt("write-readable", () => {
  writeFileSync(targets.readable, "changed");
});
await attempt("write-root", () => {
  writeFileSync("/file", "x");
});
await attempt("write-dev", () => {
  writeFileSync("/dev/file", "x");
});
await attempt("write-usr", () => {
  writeFileSync("/usr/file", "x");
});
await attempt("tcp", () => connected({ port: targets.port, host: "127.0.0.1" }));
await attempt("abstract", () => connected({ path: targets.abstract }));
await attempt("path", () => connected({ path: targets.path }));
await attempt("kill", () => process.kill(targets.pid, 0));
await attempt("kill-all", () => process.kill(-1, 0));
await attempt("fill", () => {
  const fd = openSync("/tmp/fill", "w");
  const block = Buffer.alloc(1024 * 1024);
  try {
    for (;;) writeSync(fd, block);
  } finally {
    closeSync(fd);
  }
});
await attempt("bomb", async () => {
  const children = [];
  try {
    for (;;) {
      const child = spawn("/bin/sleep", ["1000"], { stdio: "ignore" });
      children.push(child);
      await once(child, "spawn");
    }
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
});
const isOwn = (target: string): boolean => /^(anon_inode:|pipe:|\/dev\/null)/.test(target);
const strange = readdirSync("/proc/self/fd").flatMap((fd) => {
  try {
    return [readlinkSync(`/proc/self/fd/${fd}`)].filter(
      (target) => !isOwn(target) && !target.startsWith("/proc/"),
    );
  } catch {
    return []; // the one that listed them
  }
});
writeSync(1, `descriptors ${JSON.stringify(strange)}\n`);
writeSync(1, `environment ${Object.keys(process.env).sort().join(",")}\n`);
writeSync(1, `ids ${String(process.getuid?.())} ${readdirSync("/").sort().join(",")}\n`);
writeSync(1, "done\n");
