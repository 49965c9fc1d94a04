import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("systemd-analyze finds nothing wrong in the supervisor's unit", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-unit-"));
  try {
    const unit = fileURLToPath(new URL("../../examples/supervisor/supervisor.service", import.meta.url));
    const copy = join(folder, "supervisor.service");
    writeFileSync(copy, readFileSync(unit, "utf8").replace("/usr/bin/node", process.execPath));
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", copy], { encoding: "utf8" });
    expect(stdout + stderr).toBe("");
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
