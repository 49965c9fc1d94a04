import { afterEach, describe, expect, test } from "vitest";
import { SharedBuffer, type SharedBufferChannel } from "sluice";
import { checkMessage, lengthOf, messageOf } from "./pattern.js";

type Raw = SharedBufferChannel<Uint8Array, Buffer>;
let number = 0;
const open: Raw[] = [];

afterEach(() => {
  for (const channel of open.splice(0)) channel.destroy();
});

async function pair(capacity: number, receiveQueue = {}): Promise<[Raw, Raw]> {
  const path = `\0sluice-loans-${process.pid}-${++number}`;
  const listener = await SharedBuffer.listen(path, { capacity, receiveQueue });
  const client = await SharedBuffer.connect(path);
  const server = await listener.accept();
  await listener.close();
  open.push(client, server);
  return [client, server];
}

describe("a loan to send", () => {
  test("has memory that cannot be transferred away: Node copies it, or (since 21) refuses", async () => {
    const [client, server] = await pair(4096);
    const first = client.tryLoan(100);
    const memory = first?.bytes.buffer as ArrayBuffer;
    try {
      structuredClone(memory, { transfer: [memory] });
    } catch (error) {
      expect(error).toMatchObject({ name: "DataCloneError" });
    }
    expect(first?.bytes.length).toBe(100);
    first?.abandon();
    const second = await client.loan(100);
    messageOf(1, 100).copy(second.bytes);
    second.commit();
    checkMessage(await server.receive(), 1, 100);
  });

  test("is sent by commit, in part if told so, and begins at a multiple of eight", async () => {
    const [client, server] = await pair(4096);
    for (let sequence = 0; sequence < 100; sequence++) {
      const length = lengthOf(sequence, 4, 500);
      const loan = await client.loan(length + (sequence % 3));
      expect(loan.bytes.byteOffset % 8).toBe(0);
      messageOf(sequence, length).copy(loan.bytes);
      loan.commit(length);
      checkMessage(await server.receive(), sequence, length);
    }
  });

  test("is not sent when it is abandoned, also by leaving the scope of using", async () => {
    const [client, server] = await pair(4096);
    (await client.loan(10)).abandon();
    {
      using loan = await client.loan(10);
      loan.bytes.fill(1);
    }
    await client.send(Buffer.from("after"));
    expect(String(await server.receive())).toBe("after");
  });

  test("keeps what is sent behind it waiting, in order", async () => {
    const [client, server] = await pair(4096);
    const loan = await client.loan(1);
    const second = client.send(Buffer.from("2"));
    const third = client.loan(1);
    expect(client.tryLoan(1)).toBeUndefined();
    loan.bytes.write("1");
    loan.commit();
    await second;
    const last = await third;
    last.bytes.write("3");
    last.commit();
    const got = [await server.receive(), await server.receive(), await server.receive()].map(String);
    expect(got).toEqual(["1", "2", "3"]);
  });

  test("waits for room, within its bounds", async () => {
    const [client, server] = await pair(4096, { messages: 1 });
    let filled = 0;
    for (let loan = client.tryLoan(2000); loan !== undefined; loan = client.tryLoan(2000)) {
      loan.commit();
      filled++;
    }
    expect(filled).toBe(2);
    // One more fits when the server's queue has taken the first.
    (await client.loan(2000)).commit();
    await expect(client.loan(2000, { timeout: 20 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    await expect(client.loan(2000, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    const waiting = client.loan(2000);
    await server.receive();
    (await waiting).commit();
  });

  test("is dead after commit, and with its channel", async () => {
    const [client] = await pair(4096);
    const first = await client.loan(10);
    first.commit();
    expect(first.bytes.length).toBe(0);
    expect(() => first.commit()).toThrow(TypeError);
    first.abandon();
    const second = await client.loan(10);
    expect(() => second.commit(11)).toThrow(RangeError);
    const kept = second.bytes;
    client.destroy();
    await client.closed;
    expect(kept.length).toBe(0);
    expect(() => second.commit()).toThrow(expect.objectContaining({ code: "ERR_CHANNEL_CLOSED" }));
    second.abandon();
    await expect(client.loan(1)).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
  });

  test("takes a size that is a whole number", async () => {
    const [client] = await pair(4096);
    await expect(client.loan(-1)).rejects.toThrow(RangeError);
    await expect(client.loan("5" as unknown as number)).rejects.toThrow(TypeError);
    const empty = await client.loan(0);
    expect(empty.bytes.length).toBe(0);
    empty.commit();
  });
});

describe("a message received as a loan", () => {
  test("is in order with messages received otherwise, whatever was copied out before", async () => {
    const [client, server] = await pair(16_384);
    const count = 3000;
    const sending = client.sendMany(
      (function* () {
        for (let sequence = 0; sequence < count; sequence++)
          yield messageOf(sequence, lengthOf(sequence, 4, 3000));
      })(),
    );
    for (let sequence = 0; sequence < count;) {
      const length = lengthOf(sequence, 4, 3000);
      if (sequence % 11 < 6) {
        using loan = await server.receiveLoan();
        checkMessage(loan.bytes, sequence++, length);
      } else if (sequence % 11 < 9) checkMessage(await server.receive(), sequence++, length);
      else {
        await server.visit(
          (memory, start, end) => {
            checkMessage(memory.subarray(start, end), sequence, lengthOf(sequence, 4, 3000));
            sequence++;
          },
          { max: 3 },
        );
      }
    }
    await sending;
  });

  test("lies in the ring itself and gives its memory back when it is released, in any order", async () => {
    const [client, server] = await pair(4096);
    const waiting = server.receiveLoan();
    await client.sendMany([messageOf(0, 1000), messageOf(1, 1000), messageOf(2, 1000)]);
    const loans = [await waiting, await server.receiveLoan(), await server.receiveLoan()];
    expect(loans[0]!.bytes.buffer.byteLength).toBe(2 * 4096);
    expect(client.tryLoan(2000)).toBeUndefined();
    loans[2]!.release();
    loans[1]!.release();
    checkMessage(loans[0]!.bytes, 0, 1000);
    expect(client.tryLoan(2000)).toBeUndefined();
    const room = client.loan(2000, { timeout: 5000 });
    loans[0]!.release();
    loans[0]!.release();
    expect(loans[0]!.bytes.length).toBe(0);
    (await room).abandon();
  });

  test("lets the peer go on while there is room, although loans are held", async () => {
    const [client, server] = await pair(4096);
    const waiting = server.receiveLoan();
    const held = [];
    const sending = client.sendMany([0, 1, 2, 3, 4].map((sequence) => messageOf(sequence, 900)));
    held.push(await waiting);
    for (let count = 1; count < 4; count++) held.push(await server.receiveLoan({ timeout: 5000 }));
    await expect(server.receiveLoan({ timeout: 20 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    for (const loan of held) loan.release();
    checkMessage((await server.receiveLoan({ timeout: 5000 })).bytes, 4, 900);
    await sending;
  });

  test("serves those who wait in their order", async () => {
    const [client, server] = await pair(4096);
    const first = server.receiveLoan();
    const second = server.receive();
    const third = server.receiveLoan();
    const fourth = server.visit((memory, start, end) => seen.push(memory.toString("utf8", start, end)));
    const seen: string[] = [];
    await client.sendMany(["1", "2", "3", "4"].map((text) => Buffer.from(text)));
    expect(String((await first).bytes)).toBe("1");
    expect(String(await second)).toBe("2");
    expect(String((await third).bytes)).toBe("3");
    expect(await fourth).toBe(1);
    expect(seen).toEqual(["4"]);
  });

  test("is not spoiled by a user who transfers another loan's memory away", async () => {
    const [client, server] = await pair(4096);
    const waiting = server.receiveLoan();
    await client.sendMany([messageOf(0, 100), messageOf(1, 100)]);
    structuredClone((await waiting).bytes.buffer, {
      transfer: [(await waiting).bytes.buffer as ArrayBuffer],
    });
    (await waiting).release();
    using next = await server.receiveLoan();
    checkMessage(next.bytes, 1, 100);
    await client.send(messageOf(2, 100));
    checkMessage(await server.receive(), 2, 100);
  });

  test("ends with the channel", async () => {
    const [client, server] = await pair(4096);
    const waiting = server.receiveLoan();
    await client.send(Buffer.from("x"));
    const { bytes } = await waiting;
    const next = server.receiveLoan();
    await client.close();
    await expect(next).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
    await server.closed;
    expect(bytes.length).toBe(0);
    await expect(server.receiveLoan()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
  });

  test("lets the event loop turn in an endless stream of loans", async () => {
    const [client, server] = await pair(65_536);
    let over = false;
    setTimeout(() => (over = true), 50);
    const sending = (async () => {
      while (!over) await client.send(Buffer.alloc(64));
      await client.close();
    })();
    let count = 0;
    for (;;) {
      try {
        using _loan = await server.receiveLoan();
        count++;
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_END_OF_CHANNEL" });
        break;
      }
    }
    expect(count).toBeGreaterThan(0);
    await sending;
  });
});

describe("a visitor", () => {
  test("sees every message once, and its throw rejects after the message it was shown", async () => {
    const [client, server] = await pair(8192);
    const waiting = server.visit(() => {
      throw new Error("from the visitor");
    });
    await client.sendMany([0, 1, 2, 3].map((sequence) => messageOf(sequence, 50)));
    await expect(waiting).rejects.toThrow("from the visitor");
    const seen: number[] = [];
    while (seen.length < 3) {
      await server.visit((memory, start, end) => {
        checkMessage(memory.subarray(start, end), seen.length + 1, 50);
        seen.push(memory.readUInt32LE(start));
      });
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  test("may close the channel, and may receive, from within", async () => {
    const [client, server] = await pair(8192);
    await client.sendMany([0, 1, 2, 3, 4].map((sequence) => messageOf(sequence, 50)));
    const seen: number[] = [];
    await server.visit((memory, start) => {
      seen.push(memory.readUInt32LE(start));
      const other = server.tryReceive();
      if (other !== undefined) seen.push(other.readUInt32LE(0));
      if (seen.length > 3) server.destroy();
    });
    while (server.state === "open") await server.visit(() => server.destroy());
    expect(seen.slice(0, 2)).toEqual([0, 1]);
  });

  test("must be a function", async () => {
    const [, server] = await pair(4096);
    await expect(server.visit("no" as never)).rejects.toThrow(TypeError);
  });
});

describe("sendInPlace()", () => {
  test("has messages of any length written in the ring, and they arrive in order with all others", async () => {
    const [client, server] = await pair(8192);
    const total = 20_000;
    const sending = (async () => {
      let sequence = 0;
      while (sequence < total) {
        if (sequence % 1000 === 999) {
          await client.send(messageOf(sequence, lengthOf(sequence, 4, 300)));
          sequence++;
          continue;
        }
        const sent = await client.sendInPlace(300, (memory, start, end) => {
          expect(end - start).toBe(300);
          expect((memory.byteOffset + start) % 8).toBe(0);
          if (sequence === total || sequence % 1000 === 999) return undefined;
          const message = messageOf(sequence, lengthOf(sequence, 4, 300));
          sequence++;
          return message.copy(memory, start);
        });
        expect(sent).toBeGreaterThanOrEqual(0);
      }
    })();
    let received = 0;
    while (received < total) {
      for (const message of await server.receiveMany()) {
        checkMessage(message, received, lengthOf(received, 4, 300));
        received++;
      }
    }
    await sending;
  });

  test("waits for room, sends at most `max`, and tells how many", async () => {
    const [client, server] = await pair(4096, { messages: 1 });
    let written = 0;
    const write = (memory: Buffer, start: number): number => memory.writeUInt32LE(written++, start) - start;
    expect(await client.sendInPlace(4, write, { max: 3 })).toBe(3);
    expect(await client.sendInPlace(4, () => undefined)).toBe(0);
    let filled = 3;
    const fill = async (): Promise<never> => {
      for (;;) filled += await client.sendInPlace(4, write, { timeout: 50 });
    };
    await expect(fill()).rejects.toMatchObject({ code: "ERR_TIMEOUT", operation: "sendInPlace" });
    expect(written).toBe(filled);
    const waiting = client.sendInPlace(4, write, { max: 1 });
    for (let sequence = 0; sequence < filled; sequence++) {
      expect((await server.receive()).readUInt32LE(0)).toBe(sequence);
    }
    expect(await waiting).toBe(1);
    expect((await server.receive()).readUInt32LE(0)).toBe(filled);
  });

  test("sends what was written before the writer throws or returns nonsense, and the channel goes on", async () => {
    const [client, server] = await pair(4096);
    for (const [result, kind] of [
      [9, RangeError],
      [-1, RangeError],
      [0.5, RangeError],
      [NaN, RangeError],
      ["8", TypeError],
    ] as const) {
      let calls = 0;
      const sent = client.sendInPlace(8, (memory, start) => {
        memory.writeUInt32LE(++calls, start);
        return calls < 3 ? 4 : (result as number);
      });
      await expect(sent).rejects.toThrow(kind);
      expect((await server.receive()).readUInt32LE(0)).toBe(1);
      expect((await server.receive()).readUInt32LE(0)).toBe(2);
    }
    const thrown = client.sendInPlace(8, () => {
      throw new Error("from the writer");
    });
    await expect(thrown).rejects.toThrow("from the writer");
    await client.send(Buffer.from("on"));
    expect(String(await server.receive())).toBe("on");
  });

  test("lets the writer send otherwise, which comes later, and end the channel", async () => {
    const [client, server] = await pair(4096);
    let later: Promise<void> | undefined;
    const sent = await client.sendInPlace(
      8,
      (memory, start) => {
        later ??= client.send(Buffer.from("later"));
        return memory.write("first", start);
      },
      { max: 1 },
    );
    expect(sent).toBe(1);
    await later;
    expect(String(await server.receive())).toBe("first");
    expect(String(await server.receive())).toBe("later");
    const ending = client.sendInPlace(8, (memory) => {
      client.destroy();
      expect(memory.length).toBe(0);
      return 4;
    });
    await expect(ending).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
    expect(client.state).toBe("closed");
    await expect(server.receive()).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
    await expect(client.sendInPlace(8, () => undefined)).rejects.toMatchObject({
      code: "ERR_CHANNEL_CLOSED",
    });
  });

  test("is refused when the channel is destroyed as it gets its room", async () => {
    const [client] = await pair(4096);
    const loan = client.tryLoan(8);
    const waiting = client.sendInPlace(8, () => undefined);
    const borrowing = client.loan(8);
    loan?.abandon();
    client.destroy();
    await expect(waiting).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
    await expect(borrowing).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
  });

  test("takes a size that is possible, a function, and lets the event loop turn", async () => {
    const [client, server] = await pair(4096);
    await expect(client.sendInPlace(8, "no" as never)).rejects.toThrow(TypeError);
    await expect(client.sendInPlace(-1, () => undefined)).rejects.toThrow(RangeError);
    await expect(client.sendInPlace(8, () => undefined, { max: 0 })).rejects.toThrow(RangeError);
    const most = client.traits.maxMessageSize;
    await expect(client.sendInPlace(most + 1, () => undefined)).rejects.toMatchObject({
      code: "ERR_MESSAGE_TOO_LARGE",
    });
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const reading = (async () => {
      for (;;) await server.visit(() => undefined);
    })();
    while (!turned) await client.sendInPlace(8, () => 8);
    server.destroy();
    await expect(reading).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
  });
});
