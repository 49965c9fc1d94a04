import { closeSync, openSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { AnonymousPipe } from "sluice";
import { compiled } from "../../support/child.js";
import { openDescriptors } from "../../support/open-descriptors.js";

afterEach(() => {
  delete process.env["SLUICE_PIPE"];
});

const child = (what: string): readonly [string, string[]] => [
  process.execPath,
  [compiled("test/support/peers/anonymous-pipe/child.ts"), what],
];

describe("AnonymousPipe.inherit()", () => {
  test("leaves nothing of the channel to children of the child, and is possible once", async () => {
    const { channel, exited } = AnonymousPipe.spawn(...child("describe"));
    const told: unknown = JSON.parse(String(await channel.receive()));
    expect(told).toEqual({ inherited: [], variable: "none", second: "ERR_NO_PEER" });
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test("says that the variable is missing, and what sets it", () => {
    delete process.env["SLUICE_PIPE"];
    expect(() => AnonymousPipe.inherit()).toThrow(
      expect.objectContaining({
        code: "ERR_NO_PEER",
        operation: "inherit",
        mechanism: "anonymous-pipe",
        message: expect.stringContaining("AnonymousPipe.spawn()") as string,
      }),
    );
  });

  test.each(["", "3", "3,", "3,4,5", "a,b", "-1,4", "3 4", "99999999999,4"])(
    "refuses the variable %j",
    (value) => {
      process.env["SLUICE_PIPE"] = value;
      expect(() => AnonymousPipe.inherit()).toThrow(expect.objectContaining({ code: "ERR_NO_PEER" }));
      expect(() => AnonymousPipe.inherit()).toThrow(JSON.stringify(value));
      expect(process.env["SLUICE_PIPE"]).toBe(value);
    },
  );

  test("refuses descriptors that are closed, no pipes, the wrong way round, or of one pipe, and leaves them as they are", () => {
    const { reader, writer } = AnonymousPipe.create();
    using read = reader.detach();
    using write = writer.detach();
    const file = openSync("/dev/null", "r");
    const before = openDescriptors();
    const wrong: [string, RegExp][] = [
      [`${read.fd},9999`, /descriptor 9999, which is not open/],
      [`${file},${write.fd}`, /which is no pipe/],
      [`${write.fd},${read.fd}`, /which is not open to read/],
      [`${read.fd},${read.fd}`, /which is not open to write/],
      [`${read.fd},${write.fd}`, /are the ends of one pipe/],
    ];
    for (const [value, message] of wrong) {
      process.env["SLUICE_PIPE"] = value;
      expect(() => AnonymousPipe.inherit()).toThrow(expect.objectContaining({ code: "ERR_NO_PEER" }));
      expect(() => AnonymousPipe.inherit()).toThrow(message);
    }
    expect(openDescriptors()).toBe(before);
    closeSync(file);
  });

  test("checks its options before it takes anything", () => {
    process.env["SLUICE_PIPE"] = "3,4";
    expect(() => AnonymousPipe.inherit({ maxMessageSize: -1 })).toThrow(/options\.maxMessageSize.*-1/);
    expect(() => AnonymousPipe.inherit("json" as never)).toThrow(/options.*"json"/);
    expect(process.env["SLUICE_PIPE"]).toBe("3,4");
  });
});
