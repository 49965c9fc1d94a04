import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { undefinedSymbols } from "../../../scripts/symbol-gate.mjs";
import { faultsOf } from "./plausible.js";

const source = readFileSync("test/native/faults/faults.c", "utf8");

/** The names of a list in faults.c. */
function listed(macro: string): string[] {
  const list = new RegExp(`#define ${macro}\\(X\\)(.*?[^\\\\])\\n`, "s").exec(source)?.[1] ?? "";
  return [...list.matchAll(/X\((\w+)\)/g)].map(([, name]) => name!);
}

// They do no system call, or one that cannot fail.
const infallible = new Set(
  `__errno_location __libc_current_sigrtmax __libc_current_sigrtmin free geteuid getpid getuid pthread_attr_init pthread_attr_setstacksize pthread_detach pthread_join
   sched_yield sysconf memchr memcmp memcpy memmove memset strchr strcmp strlen uv_close uv_poll_stop uv_ref uv_unref`.split(
    /\s+/,
  ),
);
// Only where the event loop is not libuv's (Bun, Deno), and so never in what is played here: test/campaign/runtimes.
const ofOtherRuntimes = new Set(["epoll_create1", "epoll_ctl", "epoll_wait"]);
const infallibleNumbers = new Set(["gettid", "nanosleep", "rt_sigprocmask", "sched_yield"]);

test("every call of the core that can fail is made to fail", () => {
  const calls = new Set(listed("CALLS"));
  expect(calls.size).toBeGreaterThan(40);
  const used = undefinedSymbols(`prebuilds/linux-${process.arch}.node`).filter(
    (name) => !name.startsWith("napi_"),
  );
  expect(
    used.filter((name) => !calls.has(name) && !infallible.has(name) && !ofOtherRuntimes.has(name)),
  ).toEqual([]);
});

test("every system call that the core makes by its number is made to fail", () => {
  const numbered = new Set(listed("NUMBERED"));
  const used = readdirSync("src/native")
    .filter((name) => name.endsWith(".c"))
    .flatMap((name) =>
      [...readFileSync(`src/native/${name}`, "utf8").matchAll(/\bSYS_(\w+)/g)].map(([, call]) => call!),
    );
  expect(used.length).toBeGreaterThan(25);
  expect([...new Set(used)].filter((call) => !numbered.has(call) && !infallibleNumbers.has(call))).toEqual(
    [],
  );
});

test("there is a way to go wrong for each of them", () => {
  for (const call of [...listed("CALLS"), ...listed("NUMBERED")])
    expect(faultsOf(call), call).not.toEqual([]);
});
