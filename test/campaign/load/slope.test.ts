import { describe, expect, it } from "vitest";
import { randomNumbers, seed } from "../../support/campaign.js";
import { floorOf, judge, type Sample, slopeOf } from "./slope.js";

const SECONDS = 1_600;
const MESSAGES_A_SECOND = 3_000;
const LEAK = 100 * MESSAGES_A_SECOND;
/** As the soak has them: half of what must be caught. */
const LIMIT = LEAK / 2;
const ONE_A_MINUTE = 1 / 60;

/** Resident memory as it is: a slow wave, steps that last, sawteeth of the collector. */
function memory(random: () => number, leak: number): Sample[] {
  let wave = 0;
  let step = 0;
  return Array.from({ length: SECONDS }, (_, at) => {
    wave = 0.98 * wave + 2e6 * (random() - 0.5);
    if (random() < 0.005) step += 8e6 * (random() - 0.5);
    return { at, value: 150e6 + wave + step + 6e6 * ((at % 17) / 17) + leak * at };
  });
}

/** Descriptors of a process whose clients come in waves, and all leave between them. */
function descriptors(random: () => number, leak: number): Sample[] {
  return Array.from({ length: SECONDS }, (_, at) => ({
    at,
    value: 60 + (at % 5 === 0 ? 0 : Math.floor(random() * 40)) + Math.floor(leak * at),
  }));
}

describe(`the test of slopes (seed ${seed})`, () => {
  it("finds a leak of 100 bytes a message in half an hour of noisy memory, and none where there is none", () => {
    const random = randomNumbers(seed);
    for (let round = 0; round < 100; round++) {
      expect(judge(slopeOf(memory(random, 0)), LIMIT)).toBe("flat");
      expect(judge(slopeOf(memory(random, LEAK)), LIMIT)).toBe("grows");
    }
  });

  it("finds a leak of one descriptor a minute below clients that come and go, and none where there is none", () => {
    const random = randomNumbers(seed);
    const limit = ONE_A_MINUTE / 2;
    for (let round = 0; round < 100; round++) {
      expect(judge(slopeOf(floorOf(descriptors(random, 0), 10)), limit)).toBe("flat");
      expect(judge(slopeOf(floorOf(descriptors(random, ONE_A_MINUTE), 10)), limit)).toBe("grows");
    }
  });

  it("does not call flat what is too noisy to tell, and refuses to judge by a few samples", () => {
    const wild = [0, 90, 10, 80, 5, 95, 20].map((value, at) => ({ at, value }));
    expect(judge(slopeOf(wild), 1)).toBe("cannot be told");
    expect(() => slopeOf(wild.slice(0, 3))).toThrow("3 samples say nothing");
  });

  it("takes a slow wave for what it is: samples that agree with their neighbours are no proof", () => {
    const random = randomNumbers(seed);
    let covered = 0;
    for (let round = 0; round < 200; round++) {
      let wave = 0;
      const samples = Array.from({ length: 400 }, (_, at) => {
        wave = 0.9 * wave + random() - 0.5;
        return { at, value: wave };
      });
      const { least, most } = slopeOf(samples);
      if (least < 0 && most > 0) covered++;
    }
    expect(covered, "slopes of 200 that were not mistaken for growth or decline").toBeGreaterThan(194);
  });
});
