import path from "node:path";
import { ESLint, Linter } from "eslint";
import tseslint from "typescript-eslint";
import { describe, expect, it } from "vitest";
import layers from "../../eslint/layers.js";

const root = path.resolve(import.meta.dirname, "../..");

/** The messages of the layer rule for a text that pretends to be the given file. */
function messages(file: string, text: string): string[] {
  const linter = new Linter({ cwd: root });
  const config: Linter.Config = {
    files: ["**/*.ts", "**/*.js"],
    languageOptions: { parser: tseslint.parser },
    plugins: { local: { rules: { layers } } },
    rules: { "local/layers": "error" },
  };
  return linter.verify(text, [config], { filename: path.join(root, file) }).map(({ message }) => message);
}

const core = "../core/channel.js";
const native = "../native/binding.js";
const codec = "../codec/json.js";
const shared = "../mechanisms/unix-path.js";
const mechanism = "../mechanisms/named-pipe/reader.js";
const door = "../door/connect.js";
const rpc = "../rpc/index.js";
const pubsub = "../pubsub/index.js";
const daemon = "../daemon/index.js";
const cli = "../cli/main.js";
const index = "../index.js";
const everything = [core, native, codec, shared, mechanism, door, rpc, pubsub, daemon, cli, index];
const packages = [
  "node:fs",
  "fast-check",
  "node-unix-socket",
  "sluice",
  "sluice/rpc",
  "../../test/support/child.js",
];

/** One row of the table: a file of the room, and everything it may import. */
const table: readonly { file: string; allowed: readonly string[]; deeper?: true }[] = [
  { file: "src/core/sample.ts", allowed: [core] },
  { file: "src/native/sample.ts", allowed: [core, native, "node:fs"] },
  { file: "src/codec/sample.ts", allowed: [core, codec, "node:fs"] },
  { file: "src/mechanisms/sample.ts", allowed: [core, native, codec, shared, "node:fs"] },
  {
    file: "src/mechanisms/tcp-socket/sample.ts",
    allowed: [core, native, codec, shared, "node:fs"],
    deeper: true,
  },
  {
    file: "src/mechanisms/named-pipe/sample.ts",
    allowed: [core, native, codec, shared, mechanism, "node:fs"],
    deeper: true,
  },
  {
    file: "src/mechanisms/unix-socket/sample.ts",
    allowed: [core, native, codec, shared, "node:fs", "node-unix-socket"],
    deeper: true,
  },
  { file: "src/door/sample.ts", allowed: [core, shared, mechanism, door] },
  { file: "src/rpc/sample.ts", allowed: [core, codec, rpc, "node:fs"] },
  { file: "src/pubsub/sample.ts", allowed: [core, codec, pubsub, "node:fs"] },
  {
    file: "src/daemon/sample.ts",
    allowed: [core, native, codec, shared, mechanism, rpc, pubsub, daemon, "node:fs"],
  },
  { file: "src/cli/sample.ts", allowed: [cli, "node:fs", "sluice", "sluice/rpc"] },
];

describe("the layer rule", () => {
  for (const { file, allowed, deeper } of table) {
    const specifiers = [...everything, ...packages].map((specifier): [string, boolean] => [
      deeper && specifier.startsWith(".") ? `../${specifier}` : specifier,
      allowed.includes(specifier),
    ]);
    for (const [specifier, expected] of specifiers) {
      it(`${expected ? "lets" : "does not let"} ${file} import "${specifier}"`, () => {
        const found = messages(file, `import { x } from "${specifier}"; x();`);
        expect(found.length).toBe(expected ? 0 : 1);
      });
    }
  }

  it("names the importing room, the imported room and the rooms that are allowed", () => {
    expect(messages("src/codec/json.ts", 'import "../native/binding.js";')).toEqual([
      'codec may not import native ("../native/binding.js"). Allowed for codec: codec itself, core, node: modules, @msgpack/msgpack.',
    ]);
    expect(messages("src/mechanisms/signal/signal.ts", 'import "../named-pipe/fifo.js";')).toEqual([
      'mechanisms/signal may not import mechanisms/named-pipe ("../named-pipe/fifo.js"). ' +
        "Allowed for mechanisms/signal: mechanisms/signal itself, core, native, codec, files directly in src/mechanisms, node: modules.",
    ]);
    expect(messages("src/core/errors.ts", 'import "node:util";')).toEqual([
      'core may not import node: modules ("node:util"). Allowed for core: core itself.',
    ]);
  });

  it("sees every way to import", () => {
    const ways = [
      `import type { X } from "${native}"; export type Y = X;`,
      `export { x } from "${native}";`,
      `export * from "${native}";`,
      `await import("${native}");`,
      `type X = import("${native}").X; export type Y = X;`,
      `import x = require("${native}"); x();`,
      `require("${native}");`,
    ];
    for (const way of ways) expect(messages("src/codec/sample.ts", way), way).toHaveLength(1);
  });

  it("lets src/index.ts re-export the mechanisms and nothing with an entry point of its own", () => {
    for (const specifier of [
      "./core/a.js",
      "./codec/a.js",
      "./mechanisms/signal/a.js",
      "./native/binding.js",
      "./door/connect.js",
    ]) {
      expect(messages("src/index.ts", `export * from "${specifier}";`), specifier).toEqual([]);
    }
    for (const specifier of [
      "./rpc/index.js",
      "./pubsub/index.js",
      "./daemon/index.js",
      "./cli/a.js",
      "sluice",
    ]) {
      expect(messages("src/index.ts", `export * from "${specifier}";`), specifier).toHaveLength(1);
    }
  });

  it("holds examples and docs to the public entry points", () => {
    for (const file of ["examples/sample.ts", "examples/control-socket/main.ts", "docs/sample.ts"]) {
      const inside = 'import "sluice"; import "sluice/rpc"; import "node:fs"; import "./near.js";';
      expect(messages(file, inside), file).toEqual([]);
      const up = "../".repeat(file.split("/").length - 1);
      expect(messages(file, `import "${up}src/index.js";`), file).toHaveLength(1);
      expect(messages(file, `import "${up}dist/index.js"; import "vitest";`), file).toHaveLength(2);
    }
  });

  it("judges a module of Node that is taken at run time like an import", () => {
    const text = 'const fs = process.getBuiltinModule("node:fs");';
    expect(messages("src/core/a.ts", text)[0]).toMatch(/^core may not import node: modules/);
    expect(messages("src/mechanisms/a.ts", text)).toEqual([]);
  });

  it("refuses a file of src that lies in no room", () => {
    expect(messages("src/utils/a.ts", "")[0]).toMatch(/^src\/utils\/a\.ts lies in no room/);
    expect(messages("src/helpers.ts", "")[0]).toMatch(/^src\/helpers\.ts lies in no room/);
  });

  it("lets only the binding load an addon", () => {
    const ways = [
      'import { createRequire } from "node:module";',
      'const { createRequire } = process.getBuiltinModule("node:module");',
      'import module from "node:module"; module.createRequire(import.meta.url);',
      "process.dlopen({}, file);",
      'import { dlopen } from "node:process";',
      'require("./prebuilds/linux-x64.node");',
    ];
    for (const way of ways) {
      expect(messages("src/native/binding.ts", way.replace("./", "../native/")), way).toEqual([]);
      expect(messages("src/native/other.ts", way).at(-1), way).toMatch(/only src\/native\/binding\.ts may/);
      expect(messages("src/mechanisms/signal/a.ts", way).at(-1), way).toMatch(
        /only src\/native\/binding\.ts may/,
      );
    }
  });

  it("leaves tests and scripts alone", () => {
    expect(messages("test/a.test.ts", 'import "../src/core/channel.js"; import "vitest";')).toEqual([]);
    expect(messages("scripts/a.mjs", 'import { createRequire } from "node:module";')).toEqual([]);
  });

  it("is switched on for every source file", async () => {
    const eslint = new ESLint({ cwd: root });
    for (const file of ["src/core/channel.ts", "src/index.ts", "examples/control-socket/main.ts"]) {
      const config = (await eslint.calculateConfigForFile(file)) as Linter.Config;
      expect(config.rules?.["local/layers"], file).toEqual([2]);
    }
  });
});
