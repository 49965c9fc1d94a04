import { accessSync, constants } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** What the tests need beside Node, and the Debian package that has it. */
const tools = [
  { command: "bash", pkg: "bash" },
  { command: "gcc", pkg: "gcc" },
  { command: "clang", pkg: "clang libclang-rt-14-dev" },
  { file: "/usr/include/linux/limits.h", pkg: "libc6-dev" },
  { command: "openssl", pkg: "openssl" },
  { command: "python3", pkg: "python3" },
  { command: "socat", pkg: "socat" },
  { command: "strace", pkg: "strace" },
  { command: "bwrap", pkg: "bubblewrap" },
  { command: "ipcmk", pkg: "util-linux" },
  { file: "/lib/ld-musl-x86_64.so.1", pkg: "musl" },
  { command: "systemd-socket-activate", pkg: "systemd" },
  { command: "valgrind", pkg: "valgrind" },
];

/** @param {string} file @param {number} mode */
function accessible(file, mode) {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    // Absent and forbidden are the same here: it cannot be used.
    return false;
  }
}

/** The packages of the tools that are missing here. */
export function missingPackages() {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  return tools
    .filter(({ command, file }) =>
      command === undefined
        ? !accessible(file, constants.R_OK)
        : !folders.some((folder) => accessible(path.join(folder, command), constants.X_OK)),
    )
    .map(({ pkg }) => pkg);
}

// Run as a program it prints the packages, for the shell.
if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(missingPackages().join(" "));
