// Everything in JavaScript that reads bytes from a peer, a file or the environment, on inputs that are kept when they reach new code: see javascript/.
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { record, seconds, seed, timeoutFor } from "../../support/campaign.js";
import { startPeer } from "../../support/child.js";
import { javascriptTargets } from "./javascript/all.js";

const duration = seconds(5, 0.25);
const folder = fileURLToPath(new URL("../../../.build/fuzz/javascript", import.meta.url));
/** A batch takes milliseconds. */
const SILENCE = 60_000;

test(
  "framings, codecs, wires, texts and handshakes keep their rules, whatever comes",
  async () => {
    await using peer = startPeer("fuzz/javascript", [String(seed), String(duration), folder]);
    const told: { target: string; executions: number }[] = [];
    let isStuck = false;
    const stuck = (): void => {
      isStuck = true;
      peer.kill("SIGKILL");
    };
    let timer = setTimeout(stuck, SILENCE);
    for await (const line of peer.lines) {
      clearTimeout(timer);
      timer = setTimeout(stuck, SILENCE);
      if (line.startsWith("{")) told.push(JSON.parse(line) as (typeof told)[number]);
    }
    clearTimeout(timer);
    const again = `seed ${seed}; one input again: node --enable-source-maps .build/test/support/peers/fuzz/javascript.js INPUT TARGET`;
    expect(isStuck, `no end after ${SILENCE} ms: the inputs are in ${folder}/under-way.json, ${again}`).toBe(
      false,
    );
    expect(await peer.exit, `${peer.stderr}\n${again}`).toEqual({ code: 0, signal: null });
    expect(told.map(({ target }) => target)).toEqual(javascriptTargets.map(({ name }) => name));
    for (const { target, ...figures } of told) {
      expect(figures.executions).toBeGreaterThan(100);
      record("fuzz", `JavaScript: ${target}`, { ...figures, findings: 0 });
    }
  },
  timeoutFor(duration),
);
