import { constants as fs } from "node:fs";
import { constants as os } from "node:os";
import { expect, test } from "vitest";
import * as constants from "../../src/native/constants.js";
import { core } from "./kernel.js";

test("every constant that the C headers know too has the value they give it", () => {
  const compared: string[] = [];
  for (const [name, value] of Object.entries(constants)) {
    const native = core.constants[name];
    if (native === undefined) continue;
    expect([name, value]).toEqual([name, native]);
    compared.push(name);
  }
  expect(compared.length).toBeGreaterThan(70);
  for (const name of Object.keys(constants).filter((name) => /^(E[A-Z]|SO|SOCK|SHUT|S_|F_SEAL)/.test(name))) {
    expect(compared).toContain(name);
  }
});

test("the core's flags and errnos are those of Node", () => {
  for (const [name, value] of Object.entries(core.constants)) {
    const nodes: Record<string, number> = { ...fs, ...os.errno };
    if (nodes[name] !== undefined) expect([name, value]).toEqual([name, nodes[name]]);
  }
});

test("the constants cannot be changed", () => {
  expect(Object.isFrozen(core.constants)).toBe(true);
});
