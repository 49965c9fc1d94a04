import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { installed } from "../lib/installation.mjs";
import { exists, filesBelow, root, tool } from "../lib/project.mjs";
import { run } from "../lib/run.mjs";
import { problemsOfContents } from "./package/contents.mjs";
import { checkReproducible } from "./package/reproducible.mjs";
import { checkSbom } from "./package/sbom.mjs";
import { checkTypesOfPackage } from "./package/types.mjs";

/** For the mechanisms, calls and publishing; the daemon kit, which many do not need, comes on top. */
const tarballLimitBytes = 250_000;
const daemonLimitBytes = 50_000;

/**
 * What a user gets: the tarball, installed elsewhere.
 *
 * @param {import("../lib/report.mjs").Report} report
 */
export async function checkPackage(report) {
  const installation = await report.step("package: build, pack and install elsewhere", installed);
  if (installation === undefined) return;
  const { folder, tarball } = installation;

  await report.step("package: import and require give the same exports", async () => {
    const names =
      'console.log(Object.keys(sluice).filter((name) => name !== "module.exports").sort().join())';
    const imported = await node(folder, "module", `import * as sluice from "sluice"; ${names}`);
    // Node 20 and 22 announce with a warning that require() of a module is new; the check is about the result.
    const required = await node(folder, "commonjs", `const sluice = require("sluice"); ${names}`);
    if (imported !== required || imported.trim() === "") {
      throw new Error(`import gives ${imported}require gives ${required}`);
    }
  });

  await report.step("package: nothing runs at installation", async () => {
    const manifest = JSON.parse(readFileSync(path.join(folder, "node_modules/sluice/package.json"), "utf8"));
    const hooks = ["preinstall", "install", "postinstall", "prepare"].filter(
      (name) => name in manifest.scripts,
    );
    if (hooks.length > 0)
      throw new Error(`package.json has the scripts ${hooks.join()}, which run at installation`);
  });

  await report.step("package: exactly what users need is inside, and no path of this machine", async () => {
    const files = (await run("tar", ["-tzf", tarball])).stdout.trim().split("\n");
    const strays = files.filter((file) => !file.startsWith("package/"));
    const names = files.map((file) => file.replace(/^package\//, ""));
    const read = (/** @type {string} */ file) =>
      readFileSync(path.join(folder, "node_modules/sluice", file), "latin1");
    // Without a cross compiler there is no core for the other CPU.
    const unbuilt = ["x64", "arm64"]
      .map((cpu) => `prebuilds/linux-${cpu}.node`)
      .filter((file) => !exists(path.join(root, file)) && !file.includes(process.arch));
    const problems = [...strays, ...problemsOfContents(names, read, unbuilt)];
    if (problems.length > 0) throw new Error(`The tarball is not as it should be: ${problems.join(" ")}`);
  });

  await report.step("package: the steps at which tests kill are left out", () => {
    // What bears the label is dropped before names are shortened, so that one text of it would show that it is there.
    const dist = path.join(folder, "node_modules/sluice/dist");
    const names = filesBelow("src", (name) => name.endsWith(".ts")).flatMap((name) => {
      const text = readFileSync(path.join(root, name), "utf8");
      return [...text.matchAll(/STEP: reached\("([^"]+)"\)/g)].map(([, step = ""]) => step);
    });
    if (names.length === 0) throw new Error("There are no steps in src");
    for (const name of readdirSync(dist).filter((each) => each.endsWith(".js"))) {
      const text = readFileSync(path.join(dist, name), "utf8");
      const found = names.filter((step) => text.includes(`"${step}"`) || text.includes("STEP:"));
      if (found.length > 0) throw new Error(`dist/${name} holds steps: ${found.join()}`);
    }
    return Promise.resolve();
  });

  await report.step(
    `package: at most ${String(tarballLimitBytes)} bytes, and ${String(daemonLimitBytes)} more for the daemon kit`,
    async () => {
      const { size } = statSync(tarball);
      const without = await sizeWithout("package/dist/daemon*", tarball, folder);
      if (without > tarballLimitBytes)
        throw new Error(`Without the daemon kit the tarball has ${String(without)} bytes`);
      if (size > tarballLimitBytes + daemonLimitBytes)
        throw new Error(`The tarball has ${String(size)} bytes`);
    },
  );

  await report.step("package: publint", () =>
    run(tool("publint"), ["run", tarball, "--strict"], { cwd: root }),
  );
  await report.step("package: types resolve for every importer (attw)", () =>
    run(tool("attw"), [tarball, "--profile", "esm-only"], { cwd: root }),
  );
  await checkTypesOfPackage(report);
  await checkReproducible(report);
  await checkSbom(report);
}

/**
 * The bytes that the tarball would have without some of its files.
 *
 * @param {string} pattern
 * @param {string} tarball
 * @param {string} scratch
 */
async function sizeWithout(pattern, tarball, scratch) {
  const unpacked = mkdtempSync(path.join(scratch, "tarball-"));
  const smaller = path.join(unpacked, "smaller.tar");
  await run("tar", ["-xzf", tarball, "-C", unpacked, `--exclude=${pattern}`]);
  await run("tar", ["-cf", smaller, "-C", unpacked, "--owner=0", "--group=0", "package"]);
  return gzipSync(readFileSync(smaller), { level: 9 }).length;
}

/**
 * @param {string} cwd
 * @param {"module" | "commonjs"} type
 * @param {string} code
 */
async function node(cwd, type, code) {
  const { stdout } = await run(process.execPath, [`--input-type=${type}`, "--eval", code], {
    cwd,
    limitSeconds: 20,
  });
  return stdout;
}
