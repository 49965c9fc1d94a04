import { describe, expect, it } from "vitest";
import { snippetsOf } from "../../scripts/lib/snippets.mjs";

const fence = "```";

describe("snippetsOf()", () => {
  it("finds the TypeScript blocks of a guide and the lines they begin at", () => {
    const text = ["# Title", `${fence}ts`, "const a = 1;", "", "a;", fence, `${fence}sh`, "ls", fence].join(
      "\n",
    );
    expect(snippetsOf("a.md", text)).toEqual([
      { file: "a.md", line: 2, code: "const a = 1;\n\na;\n", run: false },
    ]);
  });

  it("tells blocks that are to be run from those that only compile", () => {
    const text = [`${fence}ts run`, "1;", fence, `${fence}ts`, "2;", fence].join("\n");
    expect(snippetsOf("a.md", text).map(({ run }) => run)).toEqual([true, false]);
  });

  it("finds the blocks of documentation comments and strips their stars", () => {
    const text = [
      "/**",
      " * @example",
      ` * ${fence}ts`,
      " * if (x) {",
      " *   y();",
      " *",
      " * }",
      ` * ${fence}`,
      " */",
    ];
    expect(snippetsOf("a.ts", text.join("\n"))).toEqual([
      { file: "a.ts", line: 3, code: "if (x) {\n  y();\n\n}\n", run: false },
    ]);
  });

  it("strips the indentation of blocks in lists and of comments in classes", () => {
    const list = ["- item", `  ${fence}ts`, "  a;", "    b;", `  ${fence}`].join("\n");
    expect(snippetsOf("a.md", list)[0]?.code).toBe("a;\n  b;\n");
    const member = ["  /**", `   * ${fence}ts`, "   * a;", `   * ${fence}`, "   */"].join("\n");
    expect(snippetsOf("a.ts", member)[0]?.code).toBe("a;\n");
  });

  it("takes shorter fences inside longer ones for text", () => {
    const text = [`${fence}\`md`, `${fence}ts`, "no code;", fence, `${fence}\``].join("\n");
    expect(snippetsOf("a.md", text)).toEqual([]);
  });

  it("refuses blocks that would go unchecked, and blocks without an end", () => {
    expect(() => snippetsOf("a.md", [`${fence}js`, fence].join("\n"))).toThrow(/a\.md:1: .*"ts"/);
    expect(() => snippetsOf("a.md", [`${fence}ts rnu`, fence].join("\n"))).toThrow(
      /a\.md:1: unknown word "rnu"/,
    );
    expect(() => snippetsOf("a.md", ["", `${fence}ts`, "a;"].join("\n"))).toThrow(/a\.md:2: .*not closed/);
  });
});
