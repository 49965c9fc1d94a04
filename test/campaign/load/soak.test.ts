import { afterAll, describe, expect, it } from "vitest";
import { atLength, record, seconds, seed, timeoutFor } from "../../support/campaign.js";
import { removeSharedCertificate } from "../../support/certificates.js";
import { type Growth, Soak } from "./soak.js";

afterAll(removeSharedCertificate);

describe(`mixed traffic over all mechanisms at once (seed ${seed})`, () => {
  const duration = seconds(9, 0.5);
  const withFaults = seconds(6, 0.08);

  it(
    `${duration} s: every message is accounted for, and nothing grows`,
    { timeout: timeoutFor(duration) },
    async () => {
      await using soak = await Soak.open(seed);
      await soak.run(duration);
      const account = await soak.account();
      const growths = soak.growth();
      const costs = soak.cpu();
      for (const growth of growths) {
        record("load", `soak, ${growth.what}`, figuresOf(growth));
      }
      for (const cost of costs) record("load", `soak, ${cost.process}: processor time`, cost);
      record("load", `soak, ${Math.round(duration / 60)} minutes`, account);
      expect(await soak.close(), "descriptors that were not there before").toEqual({ first: [], second: [] });
      for (const growth of growths) expect(growth, JSON.stringify(growth)).toMatchObject({ verdict: "flat" });
      for (const { firstMicroseconds, lastMicroseconds, process } of costs) {
        const text = `${process}: microseconds of processor time a message, of the last third`;
        // Where others use the machine, what a message costs changes with the caches by as much as a half.
        if (atLength) expect(lastMicroseconds, text).toBeLessThan(2 * firstMicroseconds);
      }
    },
  );

  it(
    `a leak of 100 bytes a message is found${atLength ? ", and one of a descriptor a minute" : ""}`,
    { timeout: timeoutFor(withFaults) },
    async () => {
      await using soak = await Soak.open(seed, { leaksBytes: true, leaksDescriptors: 1 });
      await soak.run(withFaults);
      const found = soak.growth().filter(({ verdict }) => verdict !== "flat");
      const names = found.map(({ what }) => what);
      const both = (what: string): string[] => [`first: ${what}`, `second: ${what}`];
      expect(names).toEqual(expect.arrayContaining(both("live bytes a message")));
      if (atLength) expect(names).toEqual(expect.arrayContaining(both("descriptors a second")));
      for (const growth of found) record("load", `leak on purpose, ${growth.what}`, figuresOf(growth));
    },
  );
});

function figuresOf({ slope, least, most, limit, verdict }: Growth): Record<string, number | string> {
  const shown = (value: number): number => Number(value.toPrecision(3));
  return { slope: shown(slope), least: shown(least), most: shown(most), limit: shown(limit), verdict };
}
