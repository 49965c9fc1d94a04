import { homedir } from "node:os";
import { root } from "../../lib/project.mjs";

/** What the tarball holds. Beside these, the bundler's chunks, whose names have a hash in them: those that are reached from here, and no other. */
const list = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "package.json",
  ...["index", "rpc", "pubsub", "daemon"].flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`]),
  "prebuilds/linux-arm64.node",
  "prebuilds/linux-x64.node",
];

/**
 * What is wrong with the files of a tarball, in sentences; none: it holds what it should.
 *
 * @param {readonly string[]} files their names within the package
 * @param {(file: string) => string} read the text of one, each byte a character
 * @param {readonly string[]} [unbuilt] of the list, what cannot be built here
 * @returns {string[]}
 */
export function problemsOfContents(files, read, unbuilt = []) {
  const present = new Set(files);
  const missing = list.filter((file) => !present.has(file) && !unbuilt.includes(file));
  const wanted = new Set(list);
  // A set may grow while it is walked, and what is new is visited too.
  for (const file of wanted) {
    if (!present.has(file) || !file.startsWith("dist/")) continue;
    for (const chunk of importsOf(file, read(file))) {
      if (!present.has(chunk)) missing.push(chunk);
      wanted.add(chunk);
    }
  }
  const strange = files.filter((file) => !wanted.has(file));
  return [
    ...missing.map((file) => `It lacks ${file}.`),
    ...strange.map((file) => `It holds ${file}, which nobody needs.`),
    ...files.flatMap((file) => pathsIn(read(file)).map((found) => `${file} names ${found}.`)),
  ];
}

/** @param {string} file @param {string} text */
function importsOf(file, text) {
  const suffix = file.endsWith(".d.ts") ? ".d.ts" : ".js";
  const imports = text.matchAll(/\b(?:from|import)\s*\(?\s*["'`]\.\/([\w-]+)\.js["'`]/g);
  return Array.from(imports, ([, name]) => `dist/${String(name)}${suffix}`);
}

/** Where people and build machines keep their files. Examples of the documentation use /tmp/NAME-${process.pid}, and /tmp/sluice- as the beginning of a name. */
const somewhere =
  /\/(?:home|root|work|builds|workspace|Users)\/[\w.-]+|\/tmp\/(?![\w-]+-\$\{|sluice-["`])[\w.-]+/g;

/** The paths of the machine on which it was built. @param {string} text */
function pathsIn(text) {
  const here = [root, `${homedir()}/`].filter((place) => place.length > 2 && text.includes(place));
  return [...here, ...(text.match(somewhere) ?? [])];
}
