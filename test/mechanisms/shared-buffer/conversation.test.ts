import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test, vi } from "vitest";
import type { Channel } from "../../../src/core/channel.js";
import { SharedBuffer } from "../../../src/mechanisms/shared-buffer/shared-buffer.js";
import { loadCore } from "../../../src/native/binding.js";
import { immediates } from "../../support/immediates.js";

const question = Buffer.alloc(64, 7);

/** Both ends of a ring in this process, and how often one has rung for the other. */
async function withRing(
  work: (
    asking: Channel<Uint8Array, Buffer>,
    answering: Channel<Uint8Array, Buffer>,
    bells: () => number,
  ) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-conversation-"));
  const rung = vi.spyOn(loadCore(), "ringBell");
  try {
    await using listener = await SharedBuffer.listen(path.join(folder, "ring"));
    await using asking = await SharedBuffer.connect(path.join(folder, "ring"));
    await using answering = await listener.accept();
    await work(asking, answering, () => rung.mock.calls.length);
  } finally {
    rung.mockRestore();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function answer(channel: Channel<Uint8Array, Buffer>, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) await channel.send(await channel.receive());
}

test("in a conversation nobody is woken, and after it whoever sleeps is", async () => {
  await withRing(async (asking, answering, bells) => {
    const ROUNDS = 5000;
    const answered = answer(answering, ROUNDS + 1);
    for (let round = 0; round < ROUNDS; round++) {
      question.writeUInt32LE(round);
      await asking.send(question);
      expect(await asking.receive()).toEqual(question);
    }
    expect(bells()).toBeLessThan(ROUNDS / 4);
    for (let turn = 0; turn < 400; turn++) await new Promise(setImmediate);
    const before = bells();
    const coming = asking.receive();
    await asking.send(question);
    expect(await coming).toEqual(question);
    await answered;
    expect(bells()).toBeGreaterThan(before);
  });
});

test("a conversation keeps the process alive only while its channels do", async () => {
  await withRing(async (asking, answering) => {
    const answered = expect(answer(answering, Infinity)).rejects.toMatchObject({
      code: "ERR_CHANNEL_CLOSED",
    });
    const talk = async (): Promise<void> => {
      await asking.send(question);
      await asking.receive();
    };
    for (let round = 0; round < 300; round++) await talk();
    // Looking by turns comes and goes.
    while (immediates() === 0) await talk();
    asking.unref();
    answering.unref();
    expect(immediates()).toBe(0);
    await talk();
    await answering.close();
    await answered;
  });
});

test("messages one by one, without an answer, have nobody look for the next", async () => {
  await withRing(async (asking, answering, bells) => {
    for (let message = 0; message < 200; message++) {
      const coming = answering.receive();
      // Until it sleeps.
      for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
      const before = bells();
      await asking.send(question);
      expect(bells()).toBe(before + 1);
      expect(await coming).toEqual(question);
    }
  });
});
