import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type * as binding from "../../src/native/binding.js";
import { startPeer } from "../support/child.js";
import { Folder } from "./kernel.js";

type Binding = typeof binding;

const build = process.env["SLUICE_NATIVE"];

/** binding.ts as a process sees it that has not loaded the core yet. */
async function fresh(path: string | undefined): Promise<Binding> {
  vi.resetModules();
  if (path === undefined) delete process.env["SLUICE_NATIVE"];
  else process.env["SLUICE_NATIVE"] = path;
  return import("../../src/native/binding.js");
}

beforeEach(() => vi.resetModules());
afterEach(() => {
  if (build === undefined) delete process.env["SLUICE_NATIVE"];
  else process.env["SLUICE_NATIVE"] = build;
});

test("a core that is not there is ERR_UNSUPPORTED and says what was tried and what to do", async () => {
  const { coreAvailable, loadCore } = await fresh("/nonexistent/core.node");
  expect(coreAvailable()).toBe(false);
  expect(loadCore).toThrow(
    expect.objectContaining({ name: "ChannelError", code: "ERR_UNSUPPORTED", operation: "load" }) as Error,
  );
  expect(loadCore).toThrow(
    `Cannot load the native core of sluice for linux-${process.arch} from "/nonexistent/core.node": there is no such file.`,
  );
  expect(loadCore).toThrow("npm run build:native");
  expect(loadCore).toThrow("SLUICE_NATIVE");
});

test("a file that is no core is ERR_UNSUPPORTED with the loader's words as its cause", async () => {
  using folder = new Folder();
  writeFileSync(folder.file("core.node"), "not an ELF file");
  const { coreAvailable, loadCore } = await fresh(folder.file("core.node"));
  expect(coreAvailable()).toBe(false);
  expect(loadCore).toThrow(/file too short|invalid ELF header/);
  expect(loadCore).toThrow(
    expect.objectContaining({ code: "ERR_UNSUPPORTED", cause: expect.any(Error) as Error }) as Error,
  );
});

test("the failure is remembered, and a core that was loaded stays", async () => {
  const { loadCore } = await fresh("/nonexistent/core.node");
  expect(loadCore).toThrow();
  process.env["SLUICE_NATIVE"] = build ?? "";
  expect(loadCore).toThrow("/nonexistent/core.node");
  const other = await fresh(build);
  const core = other.loadCore();
  process.env["SLUICE_NATIVE"] = "/nonexistent/core.node";
  expect(other.loadCore()).toBe(core);
  expect(other.coreAvailable()).toBe(true);
});

test("SLUICE_NATIVE may be relative to the working directory", async () => {
  const { loadCore } = await fresh("nowhere/core.node");
  expect(loadCore).toThrow(`${process.cwd()}/nowhere/core.node`);
});

test("the core is found from a compiled copy of the library, beside its package.json", async () => {
  await using peer = startPeer("native/load", [], { env: { SLUICE_NATIVE: build } });
  expect(await peer.nextLine()).toBe("loaded");
});

test("the core is found from a bundle in dist/, and a package of another name is passed by", async () => {
  using folder = new Folder();
  const { compiled } = await import("../support/child.js");
  mkdirSync(folder.file("dist/deep"), { recursive: true });
  mkdirSync(folder.file("prebuilds"));
  const { build: bundle } = await import("esbuild");
  await bundle({
    entryPoints: [compiled("test/support/peers/native/load.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: folder.file("dist/deep/load.mjs"),
    logLevel: "silent",
  });
  writeFileSync(folder.file("dist/package.json"), JSON.stringify({ name: "another", type: "module" }));
  writeFileSync(folder.file("package.json"), JSON.stringify({ name: "sluice" }));
  const run = async (): Promise<string> => {
    const { startProgram } = await import("../support/child.js");
    await using peer = startProgram(process.execPath, [folder.file("dist/deep/load.mjs")], {
      env: { SLUICE_NATIVE: undefined },
    });
    return await peer.nextLine();
  };
  expect(await run()).toContain(
    `from "${folder.path}/prebuilds/linux-${process.arch}.node": there is no such file`,
  );
  copyFileSync(`prebuilds/linux-${process.arch}.node`, folder.file(`prebuilds/linux-${process.arch}.node`));
  expect(await run()).toBe("loaded");
});

test("without a package.json of sluice above it the core is not looked for elsewhere", async () => {
  using folder = new Folder();
  const { compiled, startProgram } = await import("../support/child.js");
  const { build: bundle } = await import("esbuild");
  await bundle({
    entryPoints: [compiled("test/support/peers/native/load.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: folder.file("load.mjs"),
    logLevel: "silent",
  });
  await using peer = startProgram(process.execPath, [folder.file("load.mjs")], {
    env: { SLUICE_NATIVE: undefined },
  });
  expect(await peer.nextLine()).toContain("the folder of package sluice was not found");
});

test.each(["bun", "deno"])(
  "on %s a thread of the core watches descriptors, as the event loop does elsewhere",
  async (key) => {
    await using peer = startPeer("native/foreign-loop", [key]);
    expect(await peer.nextLine()).toBe("ready 0,1 and again 0,1");
    expect(await peer.nextLine()).toBe("writable 0,2");
    expect(await peer.nextLine()).toBe("the other side has gone 0,5");
    expect(await peer.nextLine()).toBe("an error -9,0");
    expect(await peer.nextLine()).toBe("a second Poll ERR_SYSTEM, a file on disk ERR_SYSTEM");
    // It ends by itself: a Poll that is unreferenced or does not watch keeps nothing alive.
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  },
);
