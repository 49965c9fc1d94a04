import { describe, expect, test } from "vitest";
import { RoomLookout } from "../../../src/mechanisms/shared-buffer/room-lookout.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A lookout with what it was told at each look; `found` decides. */
function lookout(found: (look: number) => boolean): { looks: boolean[]; looked: RoomLookout } {
  const looks: boolean[] = [];
  const looked = new RoomLookout((isLast) => {
    looks.push(isLast);
    return found(looks.length);
  });
  return { looks, looked };
}

async function untilLast(looks: readonly boolean[]): Promise<number> {
  while (looks.at(-1) !== true) await turn();
  return looks.length;
}

describe("a sender without room", () => {
  test("looks for it at each of 16 turns, then asks to be told, and looks for half as long the next time, 4 turns at least", async () => {
    const { looks, looked } = lookout(() => false);
    for (const expected of [16, 8, 4, 4]) {
      looked.begin();
      expect(looks).toEqual([]);
      expect(await untilLast(looks)).toBe(expected);
      await turn();
      expect(looks.splice(0)).toHaveLength(expected);
    }
  });

  test("looks for twice as long once it has found some, 64 turns at most", async () => {
    let finds = true;
    const { looks, looked } = lookout(() => finds);
    for (let time = 0; time < 5; time++) {
      looked.begin();
      await turn();
      await turn();
    }
    expect(looks.splice(0)).toEqual([false, false, false, false, false]);
    finds = false;
    looked.begin();
    expect(await untilLast(looks)).toBe(64);
  });

  test("looks once a turn, however often it is without room", async () => {
    const { looks, looked } = lookout(() => false);
    looked.begin();
    looked.begin();
    await turn();
    await turn();
    expect(looks.length).toBeLessThanOrEqual(2);
    await untilLast(looks);
  });

  test("looks no more once it is closed", async () => {
    const { looks, looked } = lookout(() => false);
    looked.begin();
    await turn();
    const before = looks.length;
    looked.close();
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(looks.length).toBe(before);
  });
});
