/**
 * A block of code in a guide or in a documentation comment.
 *
 * @typedef {{ file: string, line: number, code: string, run: boolean }} Snippet `line` is that of the opening fence
 */

/**
 * The TypeScript blocks of a text. A block fenced as "ts" must compile by itself; one fenced as "ts run" must also
 * run and end with 0. Blocks in other languages are not looked at, but JavaScript is refused: it would go unchecked.
 *
 * @param {string} file
 * @param {string} text Markdown, or source whose documentation comments hold Markdown
 * @returns {Snippet[]}
 */
export function snippetsOf(file, text) {
  /** @type {Snippet[]} */
  const snippets = [];
  /** @type {{ indent: string, fence: string, line: number, info: string, lines: string[] } | undefined} */
  let open;
  for (const [index, line] of text.split("\n").entries()) {
    if (open === undefined) {
      const [, indent = "", fence, info = ""] = /^(\s*(?:\* ?)?\s*)(`{3,})(.*)$/.exec(line) ?? [];
      if (fence !== undefined) open = { indent, fence, line: index + 1, info: info.trim(), lines: [] };
    } else if (line.trim().replace(/^\*\s*/, "") === open.fence) {
      snippets.push(...snippet(file, open));
      open = undefined;
    } else {
      open.lines.push(withoutIndent(line, open.indent));
    }
  }
  if (open !== undefined) throw new Error(`${file}:${String(open.line)}: the code block is not closed`);
  return snippets;
}

/**
 * @param {string} file
 * @param {{ line: number, info: string, lines: string[] }} block
 * @returns {Snippet[]}
 */
function snippet(file, { line, info, lines }) {
  const [language = "", ...words] = info.split(/\s+/);
  if (["js", "javascript", "mjs", "typescript"].includes(language)) {
    throw new Error(
      `${file}:${String(line)}: write code blocks in "ts", so that they are checked; this is "${info}"`,
    );
  }
  if (language !== "ts") return [];
  const unknown = words.find((word) => word !== "run");
  if (unknown !== undefined) throw new Error(`${file}:${String(line)}: unknown word "${unknown}" after "ts"`);
  return [{ file, line, code: `${lines.join("\n")}\n`, run: words.includes("run") }];
}

/** @param {string} line @param {string} indent */
function withoutIndent(line, indent) {
  // An empty line within a comment has lost the space after its star.
  return line.startsWith(indent) ? line.slice(indent.length) : line.slice(indent.trimEnd().length);
}
