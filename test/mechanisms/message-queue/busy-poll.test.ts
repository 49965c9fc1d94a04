import { describe, expect, test } from "vitest";
import { MessageQueue, text } from "sluice";
import { useName } from "./support.js";
import { immediates } from "../../support/immediates.js";

describe.each(["posix", "sysv"] as const)("a %s queue that is asked by turns", (kind) => {
  const name = useName(kind);

  test("keeps the process alive only while its channel does", async () => {
    await using queue = await MessageQueue.open(name(), { kind, create: true, codec: text() });
    for (let round = 0; round < 20; round++) {
      for (let message = 0; message < 5; message++) await queue.send("stream");
      for (let message = 0; message < 5; message++) await queue.receive();
    }
    const before = immediates();
    const next = queue.receive();
    expect(immediates()).toBe(before + 1);
    queue.unref();
    expect(immediates()).toBe(before);
    await queue.send("one more");
    expect(await next).toBe("one more");
    queue.ref();
    const last = queue.receive();
    await queue.send("last");
    expect(await last).toBe("last");
  });
});
