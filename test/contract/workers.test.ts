import { readdirSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { removeSharedCertificate } from "../support/certificates.js";
import { startPeer } from "../support/child.js";
import { loadMaker } from "../support/load-maker.js";
import { scratch, within } from "./subject.js";

afterAll(removeSharedCertificate);

const WORKERS = 200;

it(
  `${WORKERS} workers with channels of every mechanism are terminated in mid-traffic, which leaves nothing open and loses no message elsewhere`,
  { timeout: 600_000 },
  async () => {
    const names = readdirSync(new URL("makers/", import.meta.url)).map((file) => file.replace(/\.ts$/, ""));
    const makers = await Promise.all(names.map(loadMaker));
    const fit = makers
      .filter(({ workers, reliable }) => workers && reliable !== false)
      .map(({ name }) => name);
    expect(fit.length).toBeGreaterThan(12);
    using directory = scratch();
    await using peer = startPeer("contract-workers", [fit.join(","), directory.path, String(WORKERS)]);
    const line = await within(`${WORKERS} workers`, peer.nextLine(), 580_000);
    const { carried, ...rest } = JSON.parse(line) as { carried: number[] };
    expect(rest).toEqual({ terminated: WORKERS, descriptorsLeft: 0 });
    for (const [index, count] of carried.entries()) expect(count, fit[index]).toBeGreaterThan(100);
    expect(await within("the process to end", peer.exit), peer.stderr).toEqual({ code: 0, signal: null });
  },
);
