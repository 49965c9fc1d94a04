import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { scratchFolder } from "../../lib/installation.mjs";
import { exists, root, tool } from "../../lib/project.mjs";
import { run } from "../../lib/run.mjs";

/** Two machines, as far as a build could tell them apart. */
const places = [
  { name: "a", umask: "022", env: { LC_ALL: "C", TZ: "UTC" } },
  {
    name: "another folder/with a longer name",
    umask: "077",
    env: { LC_ALL: "C.UTF-8", TZ: "Pacific/Kiritimati" },
  },
];

/**
 * The same sources give the same bytes, wherever they are built; and what was packed are these bytes. So anybody can check that the package was made from
 * the sources that it names.
 *
 * @param {import("../../lib/report.mjs").Report} report
 */
export async function checkReproducible(report) {
  const scratch = scratchFolder();
  const prepare = (/** @type {string} */ name, /** @type {readonly string[]} */ sources) => {
    const folder = path.join(scratch, name);
    mkdirSync(folder, { recursive: true });
    for (const source of sources)
      cpSync(path.join(root, source), path.join(folder, source), { recursive: true });
    return folder;
  };

  await report.step("package: the native core builds to the same bytes anywhere", async () => {
    for (const { name, umask, env } of places) {
      const folder = prepare(name, ["src/native", "scripts/build-native.mjs", "scripts/symbol-gate.mjs"]);
      await runWith(umask, env, folder, process.execPath, ["scripts/build-native.mjs"]);
      const built = path.join(folder, "prebuilds");
      // Where there is no cross compiler, the core for the other CPU may be left over from elsewhere.
      compare(built, path.join(root, "prebuilds"), readdirSync(built), name);
    }
  });

  await report.step(
    "package: the JavaScript and its declarations build to the same bytes anywhere",
    async () => {
      // What was packed was built here just now; so one other place is enough.
      for (const { name, umask, env } of places.slice(1)) {
        const folder = prepare(name, [
          "src",
          "tsup.config.ts",
          "tsconfig.json",
          "tsconfig.src.json",
          "package.json",
        ]);
        symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
        await runWith(umask, env, folder, tool("tsup"), []);
        const [built, shipped] = [path.join(folder, "dist"), path.join(root, "dist")];
        compare(built, shipped, [...readdirSync(built), ...readdirSync(shipped)], name);
      }
    },
  );
}

/**
 * @param {string} umask
 * @param {NodeJS.ProcessEnv} env
 * @param {string} cwd
 * @param {string} command
 * @param {readonly string[]} args
 */
async function runWith(umask, env, cwd, command, args) {
  await run("sh", ["-c", `umask ${umask}; exec "$@"`, "sh", command, ...args], { cwd, env });
}

/**
 * @param {string} built
 * @param {string} shipped
 * @param {readonly string[]} names
 * @param {string} place
 */
function compare(built, shipped, names, place) {
  const missing = names.filter((name) => !exists(path.join(shipped, name)));
  if (missing.length > 0)
    throw new Error(`Not built here: ${missing.join(", ")}. Build it: npm run build && npm run build:native`);
  const different = names.filter((name) => digest(built, name) !== digest(shipped, name));
  if (names.length === 0) throw new Error(`Built in "${place}", there is nothing`);
  if (different.length > 0)
    throw new Error(`Built in "${place}", these files differ: ${[...new Set(different)].sort().join(", ")}`);
}

/** @param {string} folder @param {string} name */
function digest(folder, name) {
  const file = path.join(folder, name);
  return exists(file) ? createHash("sha256").update(readFileSync(file)).digest("hex") : undefined;
}
