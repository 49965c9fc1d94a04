import { describe, expect, it } from "vitest";
import { CommandError, run } from "../../scripts/lib/run.mjs";
import { isRunning } from "../support/child.js";

const node = process.execPath;

describe("run()", () => {
  it("gives standard output apart from all output", async () => {
    const code = 'console.log("out"); console.error("err")';
    const { stdout, output } = await run(node, ["--eval", code]);
    expect(stdout).toBe("out\n");
    expect(output).toContain("out\n");
    expect(output).toContain("err\n");
  });

  it("rejects with the output when a command fails", async () => {
    const failure = run(node, ["--eval", 'console.log("reason"); process.exit(3)']);
    await expect(failure).rejects.toThrow(/exit code 3/);
    await expect(failure).rejects.toBeInstanceOf(CommandError);
    await expect(failure).rejects.toMatchObject({ output: "reason\n" });
  });

  it("rejects when a command cannot be started", async () => {
    await expect(run("/nonexistent/program", [])).rejects.toThrow(/ENOENT/);
  });

  it("kills a command that takes too long, with all that it started", async () => {
    const script = "sleep 1000 & echo $!; wait";
    const failure = run("bash", ["-c", script], { limitSeconds: 1 });
    await expect(failure).rejects.toThrow(/still running after 1 s/);
    const grandchild = Number(await failure.catch((error: unknown) => (error as CommandError).output));
    expect(grandchild).toBeGreaterThan(1);
    await expect.poll(() => isRunning(grandchild), { timeout: 5_000 }).toBe(false);
  });
});
