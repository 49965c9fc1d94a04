// The contract suite on the package as a user gets it: unpacked from the tarball into an empty project outside of this one, with the tests and the programs that they start
// beside it. There is no source of the library there, and no alias: `import "sluice"` is resolved as Node does it, in the tests as in all processes.
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { unpack } from "../../../scripts/lib/installation.mjs";
import { buildFolder, root } from "../../../scripts/lib/project.mjs";
import config from "../../../vitest.config.js";
import { atLength, record } from "../../support/campaign.js";
import { LIMIT_SECONDS, passedTests } from "./vitest.js";

/** One mechanism of the native core, with its second processes, and where the library comes from. Twenty workers take half of the time of a file. */
const shortly = [
  "test/contract/origin.test.ts",
  "test/contract/unix-seqpacket.native.test.ts",
  "--testNamePattern=^(?!.* works in workers)",
];

export function describePacked(): void {
  describe("the contract suite on the packed package, in an empty project", () => {
    it("passes", { timeout: LIMIT_SECONDS * 1000 }, async () => {
      using scratch = scratchFolder();
      const library = await fillProject(scratch.path);
      const tests = await passedTests(process.execPath, atLength ? [] : shortly, {
        cwd: scratch.path,
        env: { SLUICE_TEST_PACKAGE: library, SLUICE_NATIVE: undefined, NODE_PATH: undefined },
      });
      expect(tests).toBeGreaterThan(atLength ? 1000 : 100);
      record("runtimes", "the contract suite on the packed package", { tests });
    });
  });
}

/** Outside of this project; removed when the scope is left. */
function scratchFolder(): Disposable & { readonly path: string } {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "sluice-packed-")));
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** Gives the folder of the package. */
async function fillProject(project: string): Promise<string> {
  writeFileSync(path.join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const library = await unpack(project);
  // What runs the tests, and what the package names as optional.
  for (const name of ["vitest", "node-unix-socket"])
    symlinkSync(path.join(root, "node_modules", name), path.join(project, "node_modules", name));
  copyTests(root, project, /^(contract|support\/[^/]+\.ts$)/);
  copyTests(
    buildFolder,
    path.join(project, ".build"),
    /^(contract|support\/([^/]+|peers\/contract-[^/]+)\.js$)/,
  );
  // The limits of this project, without its aliases; the programs are compiled already.
  const test = { ...config.test, include: ["test/contract/**/*.test.ts"], globalSetup: [] };
  writeFileSync(path.join(project, "vitest.config.js"), `export default ${JSON.stringify({ test })};\n`);
  return library;
}

/** Copies the files of test/ whose names, without that, the pattern accepts. */
function copyTests(from: string, to: string, accepted: RegExp): void {
  const source = path.join(from, "test");
  mkdirSync(to, { recursive: true });
  cpSync(source, path.join(to, "test"), {
    recursive: true,
    filter: (file) => {
      const name = path.relative(source, file);
      return ["", "support", "support/peers"].includes(name) || accepted.test(name);
    },
  });
}
