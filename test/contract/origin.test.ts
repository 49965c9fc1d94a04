import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { startPeer } from "../support/child.js";
import { origin, type Origin } from "../support/origin.js";

/** Where the library is that these tests are about: the project's, or the package that test/campaign/runtimes has unpacked elsewhere. */
const packed = process.env["SLUICE_TEST_PACKAGE"];
const home = packed ?? fileURLToPath(new URL("../..", import.meta.url));
const code = path.join(home, packed === undefined ? "src/" : "dist/");
const core = path.resolve(home, process.env["SLUICE_NATIVE"] ?? "prebuilds");

function expectHome(found: Origin): void {
  expect(found.code.slice(0, code.length)).toBe(code);
  expect(found.core.slice(0, core.length)).toBe(core);
}

it("the library that is tested is the one that is meant, here and in the processes that tests start", async () => {
  expectHome(origin());
  await using peer = startPeer("contract-origin");
  expectHome(JSON.parse(await peer.nextLine()) as Origin);
});
