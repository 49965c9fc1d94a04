// A logger behind a FIFO: a second process and a shell, which know nothing of one another, write lines into it.
//
// Run it with `node named-pipe.js`; it starts its own second process, prints, and cleans up.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lines, NamedPipe, text } from "sluice";

const options = { framing: lines(), codec: text() };
const fifo = process.argv[2];

if (fifo !== undefined) {
  // The second process. Others write to the same FIFO, so each message has to fit into one atomic write.
  const log = await NamedPipe.openWriter(fifo, { ...options, writers: "many", timeout: 5000 });
  for (let step = 1; step <= 3; step++) await log.send(`worker ${process.pid}: step ${step}`);
  await log.close();
} else {
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
  try {
    const path = join(folder, "log");
    await NamedPipe.create(path, { mode: 0o600 });
    // keepOpen: the log outlives each of those who write to it.
    const log = await NamedPipe.openReader(path, { ...options, keepOpen: true });

    spawn(process.execPath, [import.meta.filename, path], { stdio: ["ignore", "inherit", "inherit"] });
    spawn("sh", ["-c", `echo "shell: hello" > "${path}"`], { stdio: "inherit" });

    let count = 0;
    for await (const line of log) {
      console.log(line);
      // Leaving the loop closes the channel.
      if (++count === 4) break;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
