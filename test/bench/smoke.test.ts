import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSuite } from "../../bench/prepare.mjs";
import { readOptions } from "../../bench/src/options.js";
import { comparedSeries } from "../../bench/src/runner/goals.js";
import { makePlan } from "../../bench/src/runner/plan.js";
import type { Series } from "../../bench/src/runner/results.js";
import { Sink } from "../../bench/src/sides/sink.js";
import { Source } from "../../bench/src/sides/source.js";

const program = path.resolve("bench/.build/main.js");
const folder = mkdtempSync(path.join(tmpdir(), "sluice-bench-test-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
}

describe("the benchmark", () => {
  beforeAll(async () => {
    await buildSuite();
  }, 120_000);

  it(
    "measures a peer and a limit in C at each kind of workload, without a failure",
    { timeout: 60_000 },
    () => {
      const output = path.join(folder, "results.json");
      const { status, stdout, stderr } = bench(
        ...["--only", "^(node:net, naive framing|C unix stream, one write a message)$"],
        ...["--workload", "one-way-64|round-trip-64-one-core|fan-out-64"],
        ...["--rounds", "1", "--warm", "5", "--measure", "100", "--no-document", "--output", output],
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(stdout).toContain("64 B one way");
      const { results } = JSON.parse(readFileSync(output, "utf8")) as {
        results: { workload: string; contestant: string; median?: number; failures?: string[] }[];
      };
      expect(results).toHaveLength(6);
      for (const result of results) {
        expect(result.failures).toBeUndefined();
        expect(result.median).toBeGreaterThan(0);
      }
    },
  );

  it("tells what it would measure, every mechanism of sluice among it", () => {
    const { stdout } = bench("--list", "--workload", "one-way-64", "--only", "sluice");
    for (const name of [
      "SharedBuffer",
      "UnixSocket stream",
      "seqpacket",
      "dgram",
      "NamedPipe",
      "AnonymousPipe",
    ]) {
      expect(stdout).toContain(name);
    }
  });

  it("refuses an option that it does not know", () => {
    const { status, stderr } = bench("--fast");
    expect(status).toBe(2);
    expect(stderr).toContain("--fast");
  });
});

describe("the choice of what is measured again", () => {
  const quiet = makePlan({ ...readOptions([]), only: /SharedBuffer, sendMany|node:net/ });
  const seriesOf = (name: string, workload: string): Series => {
    const found = quiet.series.find(({ entry, workload: { id } }) => entry.name === name && id === workload);
    if (found === undefined) throw new Error(`the plan has no ${name} at ${workload}`);
    return found;
  };

  it("is what a goal compares, and no more", () => {
    const compared = comparedSeries(quiet.series);
    expect(compared).toContain(seriesOf("sluice SharedBuffer, sendMany/receiveMany", "one-way-1k"));
    expect(compared).toContain(seriesOf("node:net, naive framing", "one-way-64"));
    expect(compared).not.toContain(seriesOf("node:net, naive framing", "one-way-1m"));
  });
});

describe("the check of what arrives", () => {
  /** The messages of a run that is over at once: only the last one. */
  const lastOf = (size: number): Buffer => {
    const message = new Source(size, { warm: 0, measure: 0 }).next();
    if (message === undefined) throw new Error("a source has a last message");
    return message;
  };
  const numbered = (size: number, first: number, last = first): Buffer => {
    const message = Buffer.alloc(size);
    message.writeUInt32LE(first, 0);
    message.writeUInt32LE(size, 4);
    message.writeUInt32LE(last, size - 4);
    return message;
  };

  it("takes messages in order up to the last", () => {
    const sink = new Sink(64);
    sink.take(numbered(64, 0));
    sink.take(numbered(64, 1));
    expect(sink.over).toBe(false);
    sink.take(lastOf(64));
    expect(sink.over).toBe(true);
  });

  it("refuses a message that is missing, torn, short or after the last", () => {
    expect(() => new Sink(64).take(numbered(64, 1))).toThrow("message 1 came instead of 0");
    expect(() => new Sink(64).take(numbered(64, 0, 1))).toThrow("torn");
    expect(() => new Sink(64).take(numbered(32, 0))).toThrow("32 bytes came instead of 64");
    const ended = new Sink(64);
    ended.take(lastOf(64));
    expect(() => ended.take(numbered(64, 0))).toThrow("came instead of none");
  });

  it("counts what is missing where that is allowed, and still refuses what comes twice", () => {
    const sink = new Sink(64);
    sink.allowMissing();
    for (const number of [0, 3, 4, 9]) sink.take(numbered(64, number));
    expect(sink.missed).toBe(6);
    expect(() => sink.take(numbered(64, 9))).toThrow("message 9 came instead of 10");
  });

  it("ends a source with one last message", () => {
    const source = new Source(1024, { warm: 0, measure: 0 });
    expect(source.nextBatch()).toHaveLength(1);
    expect(source.over).toBe(true);
    expect(source.nextBatch()).toHaveLength(0);
  });
});
