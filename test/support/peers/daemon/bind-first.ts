// Binds a socket as root, drops to the uid given, and serves: each connection is answered and closed. Ends with its standard input, and tells how closing went.
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { ChannelError, UnixSocket } from "sluice";
import { dropPrivileges } from "sluice/daemon";

const [path = "", uid] = process.argv.slice(2);
const listener = await UnixSocket.listen(path, { mode: 0o666, allow: "anyone" });
writeFileSync(`${path}.secret`, "of root", { mode: 0o600 });
dropPrivileges({ user: Number(uid), group: Number(uid) });
console.log("serving");
const serve = async (): Promise<void> => {
  for await (const channel of listener) {
    await channel.send(Buffer.from(`uid ${String(process.geteuid?.())}`));
    await channel.close();
  }
};
const served = serve().then(
  () => "ended",
  (error: unknown) => (error as ChannelError).code,
);
await once(process.stdin.resume(), "end");
try {
  chmodSync(path, 0o600);
} catch (error) {
  console.log("chmod", (error as NodeJS.ErrnoException).code);
}
const again = await UnixSocket.listen(`${path}.other`).catch((error: unknown) => error);
console.log("listen", again instanceof ChannelError ? again.code : "worked");
try {
  await listener.close();
  console.log("closed");
} catch (error) {
  console.log(
    "close",
    error instanceof ChannelError ? `${error.code} ${error.syscall ?? ""}` : String(error),
  );
}
console.log("iteration", await served);
