import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test, vi } from "vitest";
import { SharedBuffer } from "../../../src/mechanisms/shared-buffer/shared-buffer.js";
import { loadCore } from "../../../src/native/binding.js";
import { Vigil } from "../../../src/mechanisms/shared-buffer/vigil.js";

/** Turns of the event loop in which nothing comes, until it is over. */
function turnsInVain(vigil: Vigil): number {
  let turns = 0;
  while (vigil.goesOn()) turns++;
  return turns;
}

/** A message that is there after so many turns without one. */
function readAfter(vigil: Vigil, turns: number): void {
  for (let turn = 0; turn < turns; turn++) expect(vigil.goesOn()).toBe(true);
  vigil.read(1024 * 1024);
}

describe("a receiver in place that has nothing to read", () => {
  test("sleeps at once when it has read little, or nothing yet", () => {
    const vigil = new Vigil();
    expect(vigil.goesOn()).toBe(false);
    vigil.read(4095);
    expect(vigil.goesOn()).toBe(false);
  });

  test("looks for 64 turns, and for half as many each time that it was in vain, 4 at least", () => {
    const vigil = new Vigil();
    for (const expected of [64, 32, 16, 8, 4, 4, 4]) {
      vigil.read(4096);
      expect(turnsInVain(vigil)).toBe(expected);
    }
  });

  test("looks for twice as many turns once it has found something, 64 at most", () => {
    const vigil = new Vigil();
    for (let time = 0; time < 4; time++) {
      vigil.read(4096);
      turnsInVain(vigil);
    }
    vigil.read(4096);
    // The turn of the reading itself, and one in vain.
    for (let time = 0; time < 6; time++) readAfter(vigil, 2);
    expect(turnsInVain(vigil)).toBe(64);
  });

  test("learns nothing of messages that come turn by turn", () => {
    const vigil = new Vigil();
    vigil.read(4096);
    turnsInVain(vigil);
    vigil.read(4096);
    for (let time = 0; time < 10; time++) readAfter(vigil, 1);
    expect(turnsInVain(vigil)).toBe(32);
  });

  test("tries the most again after 32 times in vain, so that messages that take long to write are found in the end", () => {
    const vigil = new Vigil();
    // Each comes after 20 turns: too late for whoever looks for 4.
    const waits: number[] = [];
    for (let message = 0; message < 40; message++) {
      vigil.read(1024 * 1024);
      if (message < 5) turnsInVain(vigil);
      else {
        let turns = 0;
        while (turns < 20 && vigil.goesOn()) turns++;
        waits.push(turns);
      }
    }
    expect(waits.slice(0, 27)).toEqual(Array.from({ length: 27 }, () => 4));
    expect(waits.slice(27)).toEqual(Array.from({ length: 8 }, () => 20));
  });
});

test("a channel that waits in place is not woken for a message that comes 30 turns after a large one, and is for one that comes after 200", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-vigil-"));
  const rung = vi.spyOn(loadCore(), "ringBell");
  try {
    await using listener = await SharedBuffer.listen(path.join(folder, "ring"));
    await using client = await SharedBuffer.connect(path.join(folder, "ring"));
    await using server = await listener.accept();
    const send = (): void => client.tryLoan(65_536)?.commit();
    const turns = async (count: number): Promise<void> => {
      for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
    };
    const bells: number[] = [];
    let waiting = server.receiveLoan();
    for (const pause of [0, 1, 30, 200]) {
      await turns(pause);
      const before = rung.mock.calls.length;
      send();
      bells.push(rung.mock.calls.length - before);
      (await waiting).release();
      waiting = server.receiveLoan();
    }
    // It ends with the channel.
    waiting.catch(() => undefined);
    // Before the first two it slept.
    expect(bells.slice(2)).toEqual([0, 1]);
  } finally {
    rung.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
