import { beforeAll, describe, expect, it } from "vitest";
import { atLength, record } from "../../support/campaign.js";
import { describeEmulation } from "./emulation.js";
import { describePacked } from "./packed.js";
import { installRuntimes, packedSmoke, runtimes } from "./runtimes.js";
import { measure, MESSAGES, promised } from "./smoke.js";
import { describeSuites } from "./suites.js";

const LIMIT = 600_000;
let program = "";

beforeAll(async () => {
  await installRuntimes();
  program = await packedSmoke();
}, LIMIT);

describe("the package, two processes, every mechanism with 1,000 typed messages there and back", () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    it(`does on ${name} what the README's table says`, { timeout: LIMIT }, async () => {
      const found = await measure(runtime, program, MESSAGES);
      expect(found).toEqual(promised(name));
      const works = Object.values(found).filter((outcome) => outcome === "works").length;
      record("runtimes", `smoke of the package on ${name}`, { works, of: Object.keys(found).length });
    });
  }
  if (atLength) describeEmulation(() => program);
});

describePacked();
if (atLength) describeSuites();
