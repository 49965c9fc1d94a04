import { describe, expect, test } from "vitest";
import { BusyPoll } from "../../src/mechanisms/busy-poll.js";
import { immediates } from "../support/immediates.js";

const MOST_TURNS = 64;
const TURNS_A_PACKET = 4;

/** A socket of which it is told beforehand how many packets each asking finds; when that list is over, none. */
class Traffic {
  asked = 0;
  readonly finds: number[];
  readonly poll: BusyPoll = new BusyPoll(() => {
    this.asked++;
    this.poll.found(this.finds.shift() ?? 0);
    this.poll.goesOn();
  });

  constructor(finds: number[] = []) {
    this.finds = finds;
  }

  /** An event of the watched socket: whether it is asked from now on. */
  event(packets: number): boolean {
    this.poll.found(packets);
    return this.poll.goesOn();
  }

  /** Events of so many packets each, until it is asked: how many that took. */
  eventsToBegin(packets = 2): number {
    for (let events = 1; events <= 100_000; events++) if (this.event(packets)) return events;
    throw new Error("it never began");
  }

  /** How often it was asked until it is watched again. */
  async untilWatched(): Promise<number> {
    while (this.poll.isOn) await new Promise(setImmediate);
    return this.asked;
  }
}

const occasion = MOST_TURNS / (2 * TURNS_A_PACKET);

describe("BusyPoll", () => {
  test("begins when packets follow one another, and not where each comes alone", () => {
    const traffic = new Traffic();
    for (let event = 0; event < 1000; event++) expect(traffic.event(1)).toBe(false);
    for (let event = 1; event < occasion; event++) expect(traffic.event(2)).toBe(false);
    expect(traffic.event(1)).toBe(false);
    expect(traffic.eventsToBegin()).toBe(occasion);
    expect(traffic.poll.isOn).toBe(true);
    traffic.poll.stop();
  });

  test("asks once a turn and goes to sleep after 64 in vain", async () => {
    const traffic = new Traffic();
    traffic.eventsToBegin();
    // Whoever sends meanwhile does not make it ask more often.
    for (let call = 0; call < 10; call++) expect(traffic.poll.goesOn()).toBe(true);
    expect(await traffic.untilWatched()).toBe(MOST_TURNS);
    expect(traffic.poll.isOn).toBe(false);
    await new Promise(setImmediate);
    expect(traffic.asked).toBe(MOST_TURNS);
  });

  test("goes on for four turns a packet, so that slow traffic is watched", async () => {
    const slow = new Traffic(Array.from({ length: 2000 }, (_, turn) => (turn % 8 === 0 ? 1 : 0)));
    slow.eventsToBegin();
    expect(await slow.untilWatched()).toBeLessThan(200);
    const quick = new Traffic(Array.from({ length: 2000 }, (_, turn) => (turn % 4 === 0 ? 1 : 0)));
    quick.eventsToBegin();
    expect(await quick.untilWatched()).toBeGreaterThan(2000);
  });

  test("goes on for 24 turns where something was both sent and received: an answer, or the next question, takes its sender longer", async () => {
    const every = (turns: number): Traffic =>
      new Traffic(Array.from({ length: 2000 }, (_, turn) => (turn % turns === 0 ? 2 : 0)));
    const thoughtful = every(32);
    thoughtful.eventsToBegin();
    expect(await thoughtful.untilWatched()).toBeLessThan(400);
    const quick = every(24);
    quick.eventsToBegin();
    expect(await quick.untilWatched()).toBeGreaterThan(2000);
  });

  test("takes what was read for a conversation where something was sent since the last time", () => {
    const poll: BusyPoll = new BusyPoll(() => undefined);
    const eventsToBegin = (sent: (event: number) => number): number => {
      for (let event = 1; event <= 1000; event++) {
        poll.read(1, sent(event));
        if (poll.goesOn()) return event;
      }
      return Infinity;
    };
    expect(eventsToBegin(() => 0)).toBe(Infinity);
    expect(eventsToBegin((event) => event)).toBe(occasion);
    poll.stop();
  });

  test("asks for more turns, and begins later, where it is told to", async () => {
    let asked = 0;
    const poll: BusyPoll = new BusyPoll(() => {
      asked++;
      poll.goesOn();
    }, 2 * MOST_TURNS);
    for (let event = 1; event < 2 * occasion; event++) {
      poll.found(2);
      expect(poll.goesOn()).toBe(false);
    }
    poll.found(2);
    expect(poll.goesOn()).toBe(true);
    while (poll.isOn) await new Promise(setImmediate);
    expect(asked).toBe(2 * MOST_TURNS);
  });

  test("passes more and more occasions over while it finds nothing, and fewer again once it does", async () => {
    const traffic = new Traffic();
    const taken: number[] = [];
    const follow = async (...finds: number[]): Promise<void> => {
      traffic.finds.push(...finds);
      taken.push(traffic.eventsToBegin(MOST_TURNS / TURNS_A_PACKET));
      await traffic.untilWatched();
    };
    for (let time = 0; time < 5; time++) await follow();
    expect(taken).toEqual([1, 2, 4, 8, 16]);
    // A hundred packets in one turn, as where the other side had the processor meanwhile, are no reason.
    await follow(100);
    for (let time = 0; time < 3; time++) await follow(...new Array<number>(20).fill(1));
    expect(taken.slice(5)).toEqual([32, 64, 32, 16]);
  });

  test("stops at once, and asks no more", async () => {
    const traffic = new Traffic();
    traffic.eventsToBegin();
    traffic.poll.stop();
    expect(traffic.poll.isOn).toBe(false);
    await new Promise(setImmediate);
    expect(traffic.asked).toBe(0);
  });

  test("has a channel watched that must not keep the process alive, until it may again", () => {
    const before = immediates();
    const traffic = new Traffic();
    traffic.eventsToBegin();
    expect(immediates()).toBe(before + 1);
    traffic.poll.setRef(false);
    expect(traffic.poll.isOn).toBe(false);
    expect(immediates()).toBe(before);
    for (let event = 0; event < 1000; event++) expect(traffic.event(2)).toBe(false);
    traffic.poll.setRef(true);
    traffic.eventsToBegin();
    expect(immediates()).toBe(before + 1);
    traffic.poll.stop();
    expect(immediates()).toBe(before);
  });
});
