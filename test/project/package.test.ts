import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { problemsOfContents } from "../../scripts/checks/package/contents.mjs";
import { filesBelow, root } from "../../scripts/lib/project.mjs";
import { obstacles } from "../../scripts/prepublish.mjs";

interface Manifest {
  readonly type: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly publishConfig: Readonly<Record<string, unknown>>;
}

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;

describe("the package", () => {
  it("depends on nothing but one optional package", () => {
    expect(manifest.dependencies ?? {}).toEqual({});
    expect(manifest.optionalDependencies).toEqual({ "node-unix-socket": "0.2.7" });
  });

  it("runs nothing at installation", () => {
    const hooks = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare"];
    expect(Object.keys(manifest.scripts).filter((name) => hooks.includes(name))).toEqual([]);
  });

  it("pins every tool it is developed with", () => {
    for (const [name, version] of Object.entries(manifest.devDependencies)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  it("has a lock file that names no registry", () => {
    expect(read("package-lock.json")).not.toMatch(/"resolved": "http/);
  });
});

describe("what is packed", () => {
  const whole: Readonly<Record<string, string>> = {
    "CHANGELOG.md": "",
    LICENSE: "",
    "README.md": "const path = `/tmp/words-${process.pid}.sock`;",
    "package.json": "{}",
    "dist/index.js": 'import{a}from"./chunk-AB12CD34.js";export{a}',
    "dist/index.d.ts": "import { A } from './types-x_1-y2Z3.js';",
    "dist/rpc.js": 'const later=()=>import("./chunk-LATER567.js")',
    "dist/rpc.d.ts": "",
    "dist/pubsub.js": "",
    "dist/pubsub.d.ts": "",
    "dist/daemon.js": "",
    "dist/daemon.d.ts": "",
    "dist/chunk-AB12CD34.js": 'import"./chunk-DEEPER12.js"',
    "dist/chunk-DEEPER12.js": "",
    "dist/chunk-LATER567.js": "",
    "dist/types-x_1-y2Z3.d.ts": "",
    "prebuilds/linux-x64.node": "\x7fELF",
    "prebuilds/linux-arm64.node": "\x7fELF",
  };
  const problems = (files: Readonly<Record<string, string>>): string[] =>
    problemsOfContents(Object.keys(files), (file) => files[file] ?? "");
  const without = (name: string): Record<string, string> =>
    Object.fromEntries(Object.entries(whole).filter(([file]) => file !== name));

  it("is the list, and the chunks that it reaches", () => {
    expect(problems(whole)).toEqual([]);
  });

  it("lacks nothing of it: neither the licence, nor a core, nor a chunk of a chunk", () => {
    for (const file of ["LICENSE", "prebuilds/linux-arm64.node", "dist/chunk-DEEPER12.js"])
      expect(problems(without(file))).toEqual([`It lacks ${file}.`]);
  });

  it("holds nothing else: no test, no map, and no chunk that is left over from an earlier build", () => {
    for (const file of ["test/a.test.ts", "dist/index.js.map", "dist/chunk-OLD45678.js", ".npmrc"])
      expect(problems({ ...whole, [file]: "" })).toEqual([`It holds ${file}, which nobody needs.`]);
  });

  it("names no folder of the machine that built it", () => {
    for (const place of ["/home/ada/sluice", "/tmp/build-17/a.c", "/Users/ada", `${root}src/index.ts`])
      expect(problems({ ...whole, "dist/rpc.js": `"${place}"` })).not.toEqual([]);
  });
});

describe("npm publish", () => {
  const ready = { version: "1.2.3", repository: { url: "git+https://example.org/sluice.git" } };
  const changelog = "# Changelog\n\n## 1.2.3\n";

  it("is public and with provenance", () => {
    expect(manifest.publishConfig).toEqual({ access: "public", provenance: true });
  });

  it("is refused until repository, changelog, commits and both cores are there", () => {
    expect(obstacles(ready, changelog, "", ["x64", "arm64"])).toEqual([]);
    expect(obstacles({ version: "1.2.3" }, changelog, "", ["x64", "arm64"])).toEqual([
      expect.stringContaining("repository"),
    ]);
    expect(obstacles(ready, "## Unreleased\n", " M src/index.ts", ["x64"])).toEqual([
      expect.stringContaining("## 1.2.3"),
      expect.stringContaining("src/index.ts"),
      expect.stringContaining("arm64"),
    ]);
  });
});

describe("the native core", () => {
  it("knows of JavaScript in the binding's own files only", () => {
    const sources = filesBelow("src/native", (file) => /\.[ch]$/.test(file));
    const header = /#\s*include\s*[<"](?:node_api|js_native_api|binding[\w-]*)\.h/;
    const including = sources.filter((file) => header.test(read(file)));
    expect(including).not.toEqual([]);
    expect(including.filter((file) => !/\/binding(?:-\w+)?\.[ch]$/.test(file))).toEqual([]);
  });
});
