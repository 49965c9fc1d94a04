import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildFolder, filesBelow, root, tool } from "../lib/project.mjs";
import { transpile } from "../lib/programs.mjs";
import { CommandError, run } from "../lib/run.mjs";
import { snippetsOf } from "../lib/snippets.mjs";

/** @typedef {import("../lib/snippets.mjs").Snippet} Snippet */

const folder = path.join(buildFolder, "snippets");
const limitSeconds = 30;

/**
 * The site is built with every warning an error, and every block of code in README.md, in the guides and in the
 * documentation comments compiles; blocks fenced as "ts run" run.
 *
 * @param {import("../lib/report.mjs").Report} report
 */
export async function checkDocs(report) {
  await report.step("docs: site", () => run(tool("typedoc"), []));
  const snippets = await report.step("docs: code blocks compile", compileSnippets);
  for (const snippet of snippets ?? []) {
    if (snippet.run)
      await report.step(`docs: ${snippet.file}:${String(snippet.line)} runs`, () => runSnippet(snippet));
  }
}

/** @returns {Promise<Snippet[]>} */
async function compileSnippets() {
  const guides = ["README.md", ...filesBelow("docs", (file) => file.endsWith(".md"))];
  const sources = filesBelow("src", (file) => file.endsWith(".ts"));
  const files = [...guides, ...sources];
  const snippets = files.flatMap((file) => snippetsOf(file, readFileSync(path.join(root, file), "utf8")));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(compilerConfiguration));
  // A block without import or export is a module all the same.
  for (const snippet of snippets) writeFileSync(`${fileOf(snippet)}.ts`, `${snippet.code}export {};\n`);
  try {
    await run(tool("tsc"), ["--project", folder, "--pretty", "false"]);
  } catch (error) {
    if (error instanceof CommandError) error.output = inGuides(error.output, snippets);
    throw error;
  }
  return snippets;
}

const compilerConfiguration = {
  extends: "../../tsconfig.json",
  // A guide shows a line without using its result.
  compilerOptions: {
    noUnusedLocals: false,
    noUnusedParameters: false,
    isolatedDeclarations: false,
    declaration: false,
  },
  include: ["*.ts"],
};

/** @param {Snippet} snippet */
const nameOf = ({ file, line }) => `${file.replaceAll("/", "-").replace(/\.\w+$/, "")}-${String(line)}`;

/** @param {Snippet} snippet */
const fileOf = (snippet) => path.join(folder, nameOf(snippet));

/**
 * The compiler's messages with the places in the guides instead of those in the extracted files.
 *
 * @param {string} output
 * @param {readonly Snippet[]} snippets
 */
function inGuides(output, snippets) {
  const byName = new Map(snippets.map((snippet) => [nameOf(snippet), snippet]));
  return output.replaceAll(/^\S*?([^/\s]+)\.ts\((\d+),/gm, (text, name, line) => {
    const snippet = byName.get(name);
    return snippet === undefined ? text : `${snippet.file}(${String(snippet.line + Number(line))},`;
  });
}

/** @param {Snippet} snippet */
async function runSnippet(snippet) {
  const program = `${fileOf(snippet)}.js`;
  writeFileSync(program, await transpile(snippet.code, `${snippet.file}:${String(snippet.line)}`));
  const cwd = mkdtempSync(path.join(tmpdir(), "sluice-snippet-"));
  try {
    await run(process.execPath, [program], { cwd, limitSeconds });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
