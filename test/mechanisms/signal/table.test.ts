import { execFileSync } from "node:child_process";
import { Signal, type SignalName } from "sluice";
import { describe, expect, it } from "vitest";
import { thrownBy } from "./support.js";

describe("Signal.table", () => {
  it("has every signal that bash knows, with the same number", () => {
    const listed = execFileSync("bash", ["-c", "kill -l"], { encoding: "utf8" });
    const known = [...listed.matchAll(/(\d+)\) (SIG\S+)/g)].map(
      ([, number, name]) => [name ?? "", Number(number)] as const,
    );
    expect(known.length).toBe(62);
    const numbers = new Map(
      Object.values(Signal.table).flatMap((signal) =>
        [signal.name, ...signal.aliases].map((name) => [name, signal.number]),
      ),
    );
    for (const [name, number] of known) expect([name, numbers.get(name)]).toEqual([name, number]);
  });

  it("tells the meaning, the default action and the keys of each", () => {
    const { table } = Signal;
    expect(Object.keys(table)).toHaveLength(62);
    for (const signal of Object.values(table)) expect(signal.meaning).not.toBe("");
    expect(table["SIGINT"]).toMatchObject({
      number: 2,
      action: "terminate",
      keys: "Ctrl+C",
      canHandle: true,
    });
    expect(table["SIGQUIT"]).toMatchObject({ action: "core", keys: "Ctrl+\\" });
    expect(table["SIGTSTP"]).toMatchObject({ action: "stop", keys: "Ctrl+Z" });
    expect(table["SIGWINCH"]?.action).toBe("ignore");
    expect(table["SIGCONT"]?.action).toBe("continue");
    expect(table["SIGRTMIN+30"]).toMatchObject({ number: 64, action: "terminate", canHandle: true });
  });

  it("cannot be changed", () => {
    expect(Object.isFrozen(Signal.table)).toBe(true);
    expect(Object.values(Signal.table).every((signal) => Object.isFrozen(signal))).toBe(true);
  });

  it("says of each signal that cannot be handled why, and open, on, ignore and reset refuse exactly these", async () => {
    for (const { name, canHandle, note } of Object.values(Signal.table)) {
      if (canHandle) {
        await Signal.open([name]).close();
        continue;
      }
      expect(note).toBeTypeOf("string");
      const attempts = [
        () => Signal.open([name]),
        () => Signal.on(name, () => undefined),
        () => {
          Signal.ignore(name);
        },
        () => {
          Signal.reset(name);
        },
      ];
      for (const attempt of attempts) {
        const error = thrownBy(attempt);
        expect(error.message).toContain(note);
        if (name === "SIGKILL" || name === "SIGSTOP") expect(error).toBeInstanceOf(TypeError);
        else expect(error.code).toBe("ERR_UNSUPPORTED");
      }
    }
  });
});

describe("the name of a signal", () => {
  const wrong: [unknown, string][] = [
    ["SIGTRM", "did you mean SIGTERM?"],
    ["usr1", "did you mean SIGUSR1"],
    ["HUP", "did you mean SIGHUP?"],
    ["SIGRTMIN+31", "SIGRTMIN+30"],
    ["an elephant", "Signal.table"],
    ["constructor", "Signal.table"],
    [10, "received 10"],
    [undefined, "received undefined"],
  ];
  it.each(wrong)("%o is a TypeError that helps", (name, hint) => {
    const calls = [
      () => Signal.open([name as SignalName]),
      () => Signal.on(name as SignalName, () => undefined),
      () => {
        Signal.send(process.pid, name as SignalName);
      },
    ];
    for (const call of calls) {
      const error = thrownBy(call);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain(hint);
    }
  });

  it("may be a second one: what arrives has the first", async () => {
    await using signals = Signal.open(["SIGPOLL", "SIGRTMAX-1"]);
    Signal.send(process.pid, "SIGIO");
    expect(await signals.receive()).toEqual({ signal: "SIGIO" });
    Signal.send(process.pid, "SIGRTMAX-1", { value: 1 });
    expect(await signals.receive()).toEqual({ signal: "SIGRTMIN+29", value: 1 });
  });
});
