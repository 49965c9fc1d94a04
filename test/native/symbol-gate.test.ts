import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkSymbols } from "../../scripts/symbol-gate.mjs";
import { Folder } from "./kernel.js";

const prebuild = `prebuilds/linux-${process.arch}.node`;
const universal = ["-shared", "-fPIC", "-nostdlib", "-fvisibility=hidden"];

/** Builds `source` and says what the gate thinks of it. */
function judge(folder: Folder, source: string, flags: readonly string[] = universal): string[] {
  writeFileSync(folder.file("a.c"), source);
  execFileSync("cc", ["-O1", folder.file("a.c"), ...flags, "-o", folder.file("a.node")]);
  return checkSymbols(folder.file("a.node"));
}

test("the builds that are shipped pass, and are small", () => {
  for (const cpu of ["x64", "arm64"]) {
    const path = `prebuilds/linux-${cpu}.node`;
    if (cpu !== process.arch && !existsSync(path)) continue;
    expect(checkSymbols(path)).toEqual([]);
    // On arm64 the linker leaves a page of 64 KiB between code and data, which compresses to nothing.
    expect(statSync(path).size).toBeLessThan(cpu === "arm64" ? 165_000 : 100_000);
  }
});

test("the gate names each library, version and symbol that a build should not ask for", () => {
  using folder = new Folder();
  const source =
    '#include <stdio.h>\n__attribute__((visibility("default"))) int napi_register_module_v1(void) { return puts("x"); }';
  expect(judge(folder, source)).toEqual([
    "it uses puts, which is not on the list in scripts/symbol-gate.mjs",
  ]);
  const plain = judge(folder, source, ["-shared", "-fPIC"]);
  expect(plain).toContain("it needs libc.so.6");
  expect(plain.some((problem) => /^it asks for version GLIBC_[\d.]+ of libc.so.6$/.test(problem))).toBe(true);
  expect(plain.some((problem) => problem.startsWith("it uses weakly __cxa_finalize"))).toBe(true);
});

test("the gate lets names of Node-API, libuv and the list pass, and refuses stray exports", () => {
  using folder = new Folder();
  const source = `int napi_create_int32(void); int uv_close(void); int recvmsg(void); int fstat(void); int uv_thread_create_ex(void);
    int stray(void) { return napi_create_int32() + uv_close() + recvmsg() + fstat() + uv_thread_create_ex(); }`;
  expect(judge(folder, source, ["-shared", "-fPIC", "-nostdlib"]).sort()).toEqual([
    "it exports stray",
    "it uses fstat, which is not on the list in scripts/symbol-gate.mjs",
    "it uses uv_thread_create_ex, which is not on the list in scripts/symbol-gate.mjs",
  ]);
});

test("a symbol that is doctored into the shipped binary is found", () => {
  using folder = new Folder();
  const binary = readFileSync(prebuild);
  const at = binary.indexOf("\0inotify_init1\0");
  expect(at).toBeGreaterThan(0);
  binary.write("posix_spawn\0\0", at + 1, "latin1");
  writeFileSync(folder.file("doctored.node"), binary);
  expect(checkSymbols(folder.file("doctored.node"))).toEqual([
    "it uses posix_spawn, which is not on the list in scripts/symbol-gate.mjs",
  ]);
  const result = spawnSync(process.execPath, ["scripts/symbol-gate.mjs", folder.file("doctored.node")], {
    encoding: "utf8",
  });
  expect(result.status).toBe(1);
  expect(result.stderr).toContain("posix_spawn");
});

test("what is no 64-bit ELF file is refused, and so is a missing file", () => {
  using folder = new Folder();
  writeFileSync(folder.file("text"), "text");
  expect(checkSymbols(folder.file("text"))).toEqual(["it is not an ELF file"]);
  const binary = readFileSync(prebuild);
  binary[4] = 1;
  writeFileSync(folder.file("elf32"), binary);
  expect(checkSymbols(folder.file("elf32"))).toEqual(["it is not a 64-bit little-endian ELF file"]);
  expect(() => checkSymbols(folder.file("missing"))).toThrow("ENOENT");
});

test(
  "the same sources give the same bytes, from whatever folder they are built",
  { timeout: 120_000 },
  () => {
    using folder = new Folder();
    execFileSync("cp", ["-r", "src", "scripts", "package.json", folder.path]);
    execFileSync(process.execPath, [folder.file("scripts/build-native.mjs")], {
      cwd: folder.path,
      stdio: "pipe",
    });
    expect(readFileSync(folder.file(prebuild)).equals(readFileSync(prebuild))).toBe(true);
  },
);

test("a build without headers or with an error says so and leaves the old file", { timeout: 120_000 }, () => {
  using folder = new Folder();
  execFileSync("cp", ["-r", "src", "scripts", "package.json", folder.path]);
  const build = (env: Record<string, string>): { status: number | null; text: string } => {
    const result = spawnSync(process.execPath, [folder.file("scripts/build-native.mjs")], {
      encoding: "utf8",
      env: { ...process.env, ...env },
    });
    return { status: result.status, text: result.stderr };
  };
  expect(build({ NODE_INCLUDE_DIR: "/nonexistent" })).toEqual({
    status: 1,
    text: expect.stringContaining("Cannot find node_api.h and uv.h in /nonexistent") as string,
  });
  writeFileSync(folder.file("src/native/bell.c"), '#include <stdio.h>\nint f(void) { return puts("x"); }\n');
  const broken = build({});
  expect(broken.status).toBe(1);
  expect(broken.text).toContain("would not load everywhere");
  expect(broken.text).toContain("it uses puts");
  expect(existsSync(folder.file(prebuild))).toBe(false);
});
