import { mkdtempSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { installed } from "../lib/installation.mjs";
import { root, tool } from "../lib/project.mjs";
import { run } from "../lib/run.mjs";

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

  await report.step("package: nothing runs at installation, and only what users need is inside", async () => {
    const manifest = JSON.parse(readFileSync(path.join(folder, "node_modules/sluice/package.json"), "utf8"));
    const hooks = ["preinstall", "install", "postinstall", "prepare"].filter(
      (name) => name in manifest.scripts,
    );
    if (hooks.length > 0)
      throw new Error(`package.json has the scripts ${hooks.join()}, which run at installation`);
    const files = (await run("tar", ["-tzf", tarball])).stdout.trim().split("\n");
    const allowed = /^package\/(dist\/|prebuilds\/|package\.json$|README\.md$|CHANGELOG\.md$|LICENSE$)/;
    const strange = files.filter((file) => !allowed.test(file));
    if (strange.length > 0) throw new Error(`The tarball holds ${strange.join()}`);
    const needed = [
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
      "dist/index.d.ts",
      `prebuilds/linux-${process.arch}.node`,
    ];
    const missing = needed.filter((file) => !files.includes(`package/${file}`));
    if (missing.length > 0) throw new Error(`The tarball lacks ${missing.join()}`);
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
