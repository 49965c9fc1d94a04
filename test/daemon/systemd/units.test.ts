import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { freshPath } from "./support.js";

const units = fileURLToPath(new URL("../../../examples/systemd/", import.meta.url));

/** The sample units in a folder of their own, with this machine's node. */
function install(): string {
  const folder = dirname(freshPath());
  for (const unit of ["greeter.service", "greeter.socket"]) {
    const lines = readFileSync(join(units, unit), "utf8");
    writeFileSync(join(folder, unit), lines.replace("/usr/bin/node", process.execPath));
  }
  return folder;
}

describe("the sample units", () => {
  it.each(["greeter.service", "greeter.socket"])("systemd-analyze finds nothing wrong in %s", (unit) => {
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", join(install(), unit)], {
      encoding: "utf8",
    });
    expect(stdout + stderr).toBe("");
    expect(status).toBe(0);
  });

  it("expose next to nothing: at most 0.5 of 10", () => {
    const service = join(install(), "greeter.service");
    const options = ["security", "--offline=true", "--threshold=5", service];
    const { status, stdout } = spawnSync("systemd-analyze", options, { encoding: "utf8" });
    expect(stdout).toMatch(/Overall exposure level for greeter.service: 0\.[0-5] SAFE/);
    expect(status).toBe(0);
  });
});
