/**
 * Loads modules of src/ as they are written, with a few words changed: to let them work on the memory of a model, to let their state be seen, to begin at a position of the test's choosing,
 * or with a fault that a check must find. A change whose text is not there any more is an error, so that nothing is checked that is not the code.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const source = resolve(here, "../../../src");
const target = resolve(here, "../../../.build/models");
const world = join(here, "globals.ts");

/** What is replaced by what, in a file of src/. The text must be there once. */
export type Changes = Readonly<Record<string, readonly (readonly [from: string, to: string])[]>>;

/**
 * Loads copies of files of src/, which import one another's copies and the originals of all else.
 *
 * @param files - paths in src/
 * @returns the exports of all of them
 */
export async function loadVariant<T>(files: readonly string[], changes: Changes): Promise<T> {
  const texts = new Map(files.map((file) => [file, asPackaged(readFileSync(join(source, file), "utf8"))]));
  for (const [file, list] of Object.entries(changes)) {
    for (const [from, to] of list) {
      const text = texts.get(file);
      if (text === undefined) throw new Error(`${file} is changed, but not loaded`);
      if (text.split(from).length !== 2) throw new Error(`${file} does not have this once: ${from}`);
      texts.set(
        file,
        text.replace(from, () => to),
      );
    }
  }
  const written = [...texts].map(([file, text]) => [file, copyOf(file, text, files)] as const);
  const hash = createHash("sha256").update(JSON.stringify(written)).digest("hex").slice(0, 12);
  const folder = join(target, hash);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of written) writeFileSync(join(folder, nameOf(file)), text);
  const modules: unknown[] = [];
  for (const [file] of written) modules.push(await import(/* @vite-ignore */ join(folder, nameOf(file))));
  return Object.assign({}, ...modules) as T;
}

/** Without the steps at which tests kill, which the package does not have either. */
function asPackaged(text: string): string {
  return text.replace(/^ *STEP: .*\n/gm, "");
}

function nameOf(file: string): string {
  return file.replaceAll("/", "__");
}

/** The text with what it imports found from elsewhere, with the globals of a model, and with its state to be seen. */
function copyOf(file: string, text: string, files: readonly string[]): string {
  const imports = text.replace(/ from "(\.[^"]*)\.js"/g, (_whole, specifier: string) => {
    const path = resolve(source, dirname(file), `${specifier}.ts`);
    const name = relative(source, path);
    if (name === "native/binding.ts") return ` from "${world}"`;
    return files.includes(name) ? ` from "./${nameOf(name)}"` : ` from "${path}"`;
  });
  const classes = imports.replace(
    /^(export (?:abstract )?class (\w+)[^{]*\{\n)([\s\S]*?^\})/gm,
    (_whole, head: string, _name, body: string) => {
      const fields = [...body.matchAll(/^ {2}(?:readonly )?#(\w+)!?(?::| =)/gm)].map(
        ([, name]) => `plain(this.#${name})`,
      );
      const all = ["...(super.modelState?.() ?? [])", ...fields].join(", ");
      return `${head}  modelState() { return [${all}]; }\n${body}`;
    },
  );
  const globals =
    "BigInt64Array, clearImmediate, clearTimeout, Int32Array, plain, Promise, setImmediate, setTimeout, timeOfWait, Uint8Array";
  return `import { ${globals} } from "${world}";\n${/^ *async /m.test(classes) ? withoutAsync(classes) : classes}`;
}

/** The same with functions that use `Promise` in place of `async` ones, so that what goes on after an `await` is a job of the model. */
function withoutAsync(text: string): string {
  return transformSync(text, { loader: "ts", target: "es2022", supported: { "async-await": false } }).code;
}
