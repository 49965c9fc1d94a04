// Programs that run in processes of their own (peers of the tests, fixtures, the tour, snippets of the guides)
// cannot be run from source: Node 20 does not strip types. So every TypeScript file is compiled, one by one and
// without bundling, to the same place below .build/:
//
//     src/core/channel.ts            ->  .build/src/core/channel.js
//     test/support/peers/echo.ts     ->  .build/test/support/peers/echo.js
//
// .build/package.json bears the library's name, so that `import "sluice"` and a relative import of src/ reach the
// same compiled copy, and .build/prebuilds points to the native core, which lies where it does beside the sources.
import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { buildFolder, exists, filesBelow, root } from "./project.mjs";

const sourceFolders = ["src", "test", "examples", "scripts"];

/** @param {string} file */
const isProgramSource = (file) => file.endsWith(".ts") && !/\.(test|d)\.ts$/.test(file);

/**
 * Compiles what has changed. A file that does not compile breaks only the programs that import it: its compiled
 * form throws the compiler's message.
 *
 * @returns {Promise<{ written: number, errors: string[] }>} how many files were written, and what did not compile
 */
export async function buildPrograms() {
  writeFrame();
  const sources = sourceFolders.flatMap((folder) => filesBelow(folder, isProgramSource));
  const results = await Promise.all(sources.map((source) => compile(source)));
  removeOrphans(new Set(sources.map(compiledName)));
  return {
    written: results.filter((result) => result.written).length,
    errors: results.flatMap((result) => (result.error === undefined ? [] : [result.error])),
  };
}

/**
 * Compiles one TypeScript file to JavaScript for the oldest Node that is supported.
 *
 * @param {string} code
 * @param {string} sourcefile name for messages and the source map
 */
export async function transpile(code, sourcefile) {
  const { transform } = await import("esbuild");
  const result = await transform(code, {
    sourcefile,
    loader: "ts",
    format: "esm",
    target: "node20.19",
    sourcemap: "inline",
    // One copy of the text is enough: the map names the source by its absolute path.
    sourcesContent: false,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    logLevel: "silent",
  });
  return result.code;
}

/** @param {string} source */
async function compile(source) {
  const target = path.join(root, compiledName(source));
  try {
    const code = await transpile(readFileSync(path.join(root, source), "utf8"), path.join(root, source));
    return { written: replaceIfChanged(target, code) };
  } catch (error) {
    const message = `${source} does not compile: ${error instanceof Error ? error.message : String(error)}`;
    return {
      written: replaceIfChanged(target, `throw new Error(${JSON.stringify(message)});\n`),
      error: message,
    };
  }
}

/** @param {string} source relative to the root */
const compiledName = (source) => path.join(".build", source.replace(/\.ts$/, ".js"));

function writeFrame() {
  const manifest = {
    name: "sluice",
    type: "module",
    exports: { ".": "./src/index.js", "./*": "./src/*/index.js" },
  };
  replaceIfChanged(path.join(buildFolder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const link = path.join(buildFolder, "prebuilds");
  const target = path.join("..", "prebuilds");
  try {
    symlinkSync(target, link);
  } catch (error) {
    if (readlinkSync(link) !== target) throw error;
  }
}

/**
 * Another run may be reading the file at this moment, so it is replaced as a whole, and only if it differs.
 *
 * @param {string} file
 * @param {string} text
 * @returns {boolean} whether it was written
 */
function replaceIfChanged(file, text) {
  if (exists(file) && readFileSync(file, "utf8") === text) return false;
  mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${String(process.pid)}`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
  return true;
}

/**
 * A compiled file whose source is gone must not go on working.
 *
 * @param {ReadonlySet<string>} wanted
 */
function removeOrphans(wanted) {
  for (const folder of sourceFolders) {
    for (const file of filesBelow(path.join(".build", folder), (name) => name.endsWith(".js"))) {
      if (!wanted.has(file)) rmSync(path.join(root, file), { force: true });
    }
  }
}
