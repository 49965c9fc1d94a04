// Another user, who tries to read, write, take over and impersonate what the daemon of security/daemon.ts has. A line "NAME OUTCOME" for each attempt.
import { chmodSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { MessageQueue, NamedPipe, SharedBuffer, UnixSocket } from "sluice";

const [folder = "", name = "", key] = process.argv.slice(2);
const timeout = 10_000;

async function attempt(what: string, work: () => unknown): Promise<void> {
  try {
    await work();
    console.log(what, "worked");
  } catch (error) {
    console.log(what, (error as NodeJS.ErrnoException).code ?? String(error));
  }
}

/** Connected is not admitted: what counts is whether anybody answers. */
async function talk(
  connecting: Promise<{ send(message: Buffer): Promise<void>; receive(options: object): Promise<Buffer> }>,
): Promise<void> {
  const channel = await connecting;
  await channel.send(Buffer.from("let me in"));
  await channel.receive({ timeout });
}

const allow = "anyone";
await attempt("stream", () => talk(UnixSocket.connect(`${folder}/stream.sock`, { allow })));
await attempt("seqpacket", () =>
  talk(UnixSocket.connect(`${folder}/seqpacket.sock`, { type: "seqpacket", allow })),
);
await attempt("abstract", () => talk(UnixSocket.connect(`\0${name}`, { allow })));
await attempt("ring", () => talk(SharedBuffer.connect(`${folder}/ring.sock`, { allow, timeout })));
await attempt("broadcast", async () =>
  (await SharedBuffer.follow(`${folder}/broadcast.sock`, { allow, timeout })).receive({ timeout }),
);
const sender = await UnixSocket.connect(`${folder}/dgram.sock`, { type: "dgram" });
await sender.send(Buffer.from("injected"));
await sender.close();
await attempt("memory", () => SharedBuffer.open(`/${name}`));
await attempt("memory-file", () => readFileSync(`/dev/shm/${name}`));
await attempt("memory-unlink", () => SharedBuffer.unlink(`/${name}`));
await attempt("posix-queue", () => MessageQueue.open(`/${name}`));
await attempt("posix-unlink", () => {
  MessageQueue.unlink(`/${name}`);
});
await attempt("sysv-queue", () => MessageQueue.open(Number(key), { kind: "sysv" }));
await attempt("sysv-unlink", () => {
  MessageQueue.unlink(Number(key), { kind: "sysv" });
});
await attempt("fifo-read", () => NamedPipe.openReader(`${folder}/fifo`));
await attempt("fifo-write", () => NamedPipe.openWriter(`${folder}/fifo`, { timeout }));
await attempt("listen", () => UnixSocket.listen(`${folder}/stream.sock`));
await attempt("listen-abstract", () => UnixSocket.listen(`\0${name}`));
await attempt("lock", () => readFileSync(`${folder}/stream.sock.lock`));
await attempt("lock-remove", () => {
  unlinkSync(`${folder}/stream.sock.lock`);
});
await attempt("remove", () => {
  unlinkSync(`${folder}/stream.sock`);
});
await attempt("replace", () => {
  renameSync(`${folder}/stream.sock`, `${folder}/other`);
});
await attempt("plant", () => {
  symlinkSync("/etc/passwd", `${folder}/planted`);
});
await attempt("chmod", () => {
  chmodSync(`${folder}/stream.sock`, 0o600);
});
await attempt("write", () => {
  writeFileSync(`${folder}/file`, "x");
});
await attempt("trace", () => readFileSync(`/proc/${process.argv[5] ?? ""}/mem`));
await attempt("signal", () => process.kill(Number(process.argv[5]), "SIGTERM"));
console.log("done");
process.exit();
