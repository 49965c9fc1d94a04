import { describe } from "vitest";
import { acrossLines } from "./lines/across.js";
import { capabilityLines } from "./lines/capabilities.js";
import { closingLines } from "./lines/closing.js";
import { deliveryLines, limitLines, ownershipLines } from "./lines/delivery.js";
import { lifetimeLines } from "./lines/lifetime.js";
import { receiveWaitLines, receivingLines } from "./lines/receiving.js";
import { sendingLines, sendWaitLines } from "./lines/sending.js";
import { statisticsLines } from "./lines/statistics.js";
import { unrefLines } from "./lines/unref.js";
import type { Maker } from "./maker.js";

/**
 * Runs every line of the channel contract (docs/contract.md) against one mechanism: both ends in this process, each way that it can send, and
 * each end in a second process.
 */
export function describeChannelContract(maker: Maker): void {
  const { name } = maker;
  for (const way of maker.ways) {
    const subject = { maker, way };
    describe(`${name}, ${way.replaceAll("-", " ")}`, () => {
      deliveryLines(subject);
      sendingLines(subject);
      receivingLines(subject);
      closingLines(subject);
      sendWaitLines(subject);
      receiveWaitLines(subject);
      limitLines(subject);
      ownershipLines(subject);
      capabilityLines(subject);
      statisticsLines(subject);
      if (!maker.twoProcesses) return;
      acrossLines(subject);
      unrefLines(subject);
    });
  }
  describe(name, () => {
    lifetimeLines({ maker, way: maker.ways[0]! });
  });
}
