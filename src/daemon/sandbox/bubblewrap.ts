import { ChannelError, unsupported } from "../../core/errors.js";
import type { SandboxLimits } from "./types.js";

const { accessSync, constants, existsSync, lstatSync, readlinkSync, realpathSync, statSync } =
  process.getBuiltinModule("node:fs");
const paths = process.getBuiltinModule("node:path");

/** Where programs and their libraries are. What of it is a symbolic link on this system is one in the sandbox. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** All that the command line of bwrap(1) is made from, checked. */
export interface SandboxPlan {
  readonly bwrap: string;
  readonly prlimit: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly readOnly: readonly string[];
  readonly writable: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly limits: Required<SandboxLimits>;
}

/** The arguments for bwrap: a world with nothing in it but what is listed here. */
export function bubblewrapArguments(plan: SandboxPlan, seccompFd: number, statusFd: number): string[] {
  const { limits } = plan;
  const system = SYSTEM.flatMap((path) => {
    if (!existsSync(path)) return [];
    return lstatSync(path).isSymbolicLink()
      ? ["--symlink", readlinkSync(path), path]
      : ["--ro-bind", path, path];
  });
  const isInSystem = SYSTEM.some((path) => plan.command.startsWith(`${path}/`));
  const bind = (kind: string, list: readonly string[]): string[] =>
    list.flatMap((path) => [kind, path, path]);
  return [
    ...["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox"],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"],
    ...["--seccomp", String(seccompFd), "--json-status-fd", String(statusFd)],
    ...Object.entries(plan.env).flatMap(([name, value]) => ["--setenv", name, value]),
    ...system,
    ...["--size", String(limits.temporary), "--tmpfs", "/tmp", "--dev", "/dev", "--proc", "/proc"],
    ...bind("--ro-bind", plan.readOnly),
    ...(isInSystem ? [] : bind("--ro-bind", [plan.command])),
    ...bind("--bind", plan.writable),
    // The root and /dev are made of memory: nothing may be written there that no limit counts.
    ...["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"],
    // Inside: the kernel then counts the processes of this sandbox alone.
    ...[plan.prlimit, `--nproc=${limits.processes}`, `--nofile=${limits.files}`, `--data=${limits.memory}`],
    ...[`--cpu=${limits.cpu === Infinity ? "unlimited" : limits.cpu}`, "--core=0", "--"],
    ...[plan.command, ...plan.args],
  ];
}

/** The real path of a program, as execvp(3) finds it. */
export function findProgram(name: string): string | undefined {
  const folders = name.includes("/") ? [""] : (process.env["PATH"] ?? "/usr/bin:/bin").split(":");
  for (const folder of folders) {
    const path = folder === "" ? paths.resolve(name) : paths.join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return realpathSync(path);
    } catch (error) {
      // Not here, or not for us: as a shell does, go on.
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    }
  }
  return undefined;
}

/** A program that the sandbox is made with. */
export function requireTool(name: string, pkg: string): string {
  const found = findProgram(name);
  if (found !== undefined) return found;
  const text = `Cannot start a sandbox: ${name} is not in PATH; install the package ${pkg}`;
  throw unsupported(text, { operation: "spawn", mechanism: "anonymous-pipe" });
}

/** The program that shall run inside. */
export function requireCommand(command: string): string {
  const found = findProgram(command);
  if (found !== undefined) return found;
  const text = `Cannot start a sandbox: there is no program ${JSON.stringify(command)}; it must be a path or a name in PATH that this user may execute`;
  throw new ChannelError("ERR_NO_PEER", text, {
    operation: "spawn",
    mechanism: "anonymous-pipe",
    address: command,
  });
}
