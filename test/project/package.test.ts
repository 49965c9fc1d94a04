import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { filesBelow, root } from "../../scripts/lib/project.mjs";

interface Manifest {
  readonly type: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
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

describe("the native core", () => {
  it("knows of JavaScript in the binding's own files only", () => {
    const sources = filesBelow("src/native", (file) => /\.[ch]$/.test(file));
    const header = /#\s*include\s*[<"](?:node_api|js_native_api|binding[\w-]*)\.h/;
    const including = sources.filter((file) => header.test(read(file)));
    expect(including).not.toEqual([]);
    expect(including.filter((file) => !/\/binding(?:-\w+)?\.[ch]$/.test(file))).toEqual([]);
  });
});
