import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Signal } from "sluice";
import { describe, expect, it } from "vitest";
import { compiled, startPeer, startProgram } from "../../support/child.js";
import { PYTHON_SIGQUEUE, thrownBy } from "./support.js";

const run = promisify(execFile);
const uid = process.getuid?.();

describe("signals from other programs", () => {
  it("bash's kill arrives with the shell's pid and uid, and without a value", async () => {
    await using signals = Signal.open(["SIGHUP", "SIGRTMIN+7"]);
    const { stdout } = await run("bash", [
      "-c",
      `kill -HUP ${process.pid}; kill -RTMIN+7 ${process.pid}; echo $$`,
    ]);
    const credentials = { pid: Number(stdout), uid, gid: -1 };
    const received = [await signals.receiveEnvelope(), await signals.receiveEnvelope()];
    // Different signals have no order among them.
    expect(received).toContainEqual({ message: { signal: "SIGHUP" }, credentials });
    expect(received).toContainEqual({ message: { signal: "SIGRTMIN+7" }, credentials });
  });

  it("1,000 real-time signals by sigqueue of Python arrive in order, each with its value", async () => {
    await using signals = Signal.open(["SIGRTMIN+1"]);
    const code = `${PYTHON_SIGQUEUE}
for value in range(1000): sigqueue(os.getppid(), signal.SIGRTMIN + 1, value - 500)
say("done")`;
    await using python = startProgram("python3", ["-c", code]);
    for (let index = 0; index < 1000; index++) {
      const { message, credentials } = await signals.receiveEnvelope();
      expect(message).toEqual({ signal: "SIGRTMIN+1", value: index - 500 });
      expect(credentials).toEqual({ pid: python.pid, uid, gid: -1 });
    }
    await python.expectLine("done");
  });

  it("one for whose value and sender the kernel has no room is nobody's, not root's", async () => {
    await using signals = Signal.open(["SIGHUP"]);
    const code = `${PYTHON_SIGQUEUE}
own = os.getppid()
before = resource.prlimit(own, resource.RLIMIT_SIGPENDING)
resource.prlimit(own, resource.RLIMIT_SIGPENDING, (0, before[1]))
sigqueue(own, signal.SIGHUP, 42)
resource.prlimit(own, resource.RLIMIT_SIGPENDING, before)
sigqueue(own, signal.SIGHUP, 43) if sys.stdin.readline() else None
say("done")`;
    await using python = startProgram("python3", ["-c", code]);
    expect(await signals.receiveEnvelope()).toEqual({ message: { signal: "SIGHUP" } });
    await python.write("again");
    expect(await signals.receiveEnvelope()).toMatchObject({
      value: 43,
      credentials: { pid: python.pid, uid },
    });
    await python.expectLine("done");
  });

  it("Ctrl+C of a terminal has no sender: the kernel itself raises it", async () => {
    const code = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
text = b""
while b"ready" not in text: text += os.read(terminal, 1024)
os.write(terminal, b"\\x03")
while b"undefined\\r\\n" not in text: text += os.read(terminal, 1024)
sys.stdout.write(text.decode().replace("^C", "").replace("\\r", ""))
sys.stdout.flush()
os.kill(pid, 15)
os.waitpid(pid, 0)`;
    const listen = compiled("test/support/peers/signal/listen.ts");
    await using terminal = startProgram("python3", ["-c", code, process.execPath, listen, "SIGINT"]);
    await terminal.expectLine("ready");
    await terminal.expectLine("SIGINT undefined undefined");
    expect(await terminal.exit).toEqual({ code: 0, signal: null });
  });
});

describe("signals to other programs", () => {
  it("bash's trap hears Signal.send()", async () => {
    const code =
      "trap 'echo reread' HUP; trap 'echo bye; exit 3' TERM; echo ready; while :; do read -t 0.05 line; done";
    await using bash = startProgram("bash", ["-c", code]);
    await bash.expectLine("ready");
    Signal.send(bash.pid, "SIGHUP");
    await bash.expectLine("reread");
    Signal.send(bash.pid, "SIGTERM");
    await bash.expectLine("bye");
    expect(await bash.exit).toEqual({ code: 3, signal: null });
  });

  it("Python's sigwaitinfo sees value, pid and uid, and 1,000 real-time signals in order", async () => {
    const code = `${PYTHON_SIGQUEUE}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGRTMIN + 3])
say("ready")
info = signal.sigwaitinfo([signal.SIGUSR1])
say(info.si_status, info.si_pid, info.si_uid, info.si_code)
sys.stdin.readline()
values = [signal.sigwaitinfo([signal.SIGRTMIN + 3]).si_status for _ in range(1000)]
say(values == list(range(1000)))`;
    await using python = startProgram("python3", ["-c", code]);
    await python.expectLine("ready");
    Signal.send(python.pid, "SIGUSR1", { value: -42 });
    await python.expectLine(`-42 ${process.pid} ${String(uid)} -1`);
    await using channel = Signal.open([], { peer: python.pid });
    await channel.sendMany(
      Array.from({ length: 1000 }, (_, value) => ({ signal: "SIGRTMIN+3" as const, value })),
    );
    await python.write("go");
    await python.expectLine("True");
  });

  it("a standard signal that is pending is not queued again; a real-time signal is", async () => {
    const code = `${PYTHON_SIGQUEUE}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGRTMIN])
say("ready")
sys.stdin.readline()
def count(number):
    values = []
    while (info := signal.sigtimedwait([number], 0)) is not None: values.append(info.si_status)
    return values
say(count(signal.SIGUSR1), count(signal.SIGRTMIN))`;
    await using python = startProgram("python3", ["-c", code]);
    await python.expectLine("ready");
    for (const value of [1, 2, 3]) {
      Signal.send(python.pid, "SIGUSR1", { value });
      Signal.send(python.pid, "SIGRTMIN", { value });
    }
    await python.write("go");
    await python.expectLine("[1] [1, 2, 3]");
  });

  it("SIGKILL and SIGSTOP can be sent, though not handled", async () => {
    await using bash = startProgram("bash", ["-c", "echo ready; read line"]);
    await bash.nextLine();
    Signal.send(bash.pid, "SIGSTOP");
    Signal.send(bash.pid, "SIGKILL");
    expect(await bash.exit).toEqual({ code: null, signal: "SIGKILL" });
  });
});

describe("Signal.send()", () => {
  it("says ERR_NO_PEER when there is no such process", async () => {
    const bash = startProgram("bash", ["-c", "exit 0"]);
    await bash.exit;
    const error = thrownBy(() => {
      Signal.send(bash.pid, "SIGTERM");
    });
    expect(error.code).toBe("ERR_NO_PEER");
    expect(error.message).toBe(`Cannot send SIGTERM to process ${bash.pid}: there is no such process`);
  });

  it("says ERR_ACCESS_DENIED when the process belongs to somebody else", async () => {
    if (uid !== 0) {
      const error = thrownBy(() => {
        Signal.send(1, "SIGCONT");
      });
      expect(error.code).toBe("ERR_ACCESS_DENIED");
      return;
    }
    await using peer = startPeer("signal/behave", ["send-to-parent", "SIGHUP"], { uid: 65_534, gid: 65_534 });
    expect(await peer.nextLine()).toContain(`ERR_ACCESS_DENIED Cannot send SIGHUP to process ${process.pid}`);
  });

  it("says ERR_SYSTEM with EAGAIN when the queue of the process is full", async () => {
    const code = `${PYTHON_SIGQUEUE}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))
say("ready")
sys.stdin.readline()`;
    await using python = startProgram("python3", ["-c", code]);
    await python.expectLine("ready");
    const error = thrownBy(() => {
      Signal.send(python.pid, "SIGRTMIN", { value: 1 });
    });
    expect(error).toMatchObject({ code: "ERR_SYSTEM", errno: 11, syscall: "rt_sigqueueinfo" });
    expect(error.message).toContain("RLIMIT_SIGPENDING");
  });

  it("addresses no groups, and carries nothing but an int", () => {
    const send = (pid: unknown, options?: unknown): (() => void) => {
      return () => {
        Signal.send(pid as number, "SIGWINCH", options as { value: number });
      };
    };
    for (const pid of [0, -1, -process.pid, 1.5, 2 ** 31])
      expect(thrownBy(send(pid))).toBeInstanceOf(RangeError);
    expect(thrownBy(send("1"))).toBeInstanceOf(TypeError);
    expect(thrownBy(send(process.pid, 5))).toBeInstanceOf(TypeError);
    expect(thrownBy(send(process.pid, { value: "5" }))).toBeInstanceOf(TypeError);
    for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, NaN]) {
      expect(thrownBy(send(process.pid, { value }))).toBeInstanceOf(RangeError);
    }
  });

  it("works without the native core, but for values", async () => {
    const missing = { env: { SLUICE_NATIVE: "/nonexistent" } };
    await using signals = Signal.open(["SIGHUP"]);
    await using peer = startPeer("signal/behave", ["send-to-parent", "SIGHUP"], missing);
    await peer.expectLine("sent");
    expect((await signals.receiveEnvelope()).credentials?.pid).toBe(peer.pid);
    await using listener = startPeer("signal/listen", [], missing);
    expect((await listener.exit).code).toBe(1);
    expect(listener.stderr).toContain("ERR_UNSUPPORTED");
  });
});
