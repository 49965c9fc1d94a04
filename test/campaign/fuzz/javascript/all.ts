import { codecTargets } from "./codecs.js";
import { handshakeTargets } from "./handshakes.js";
import type { Target } from "./target.js";
import { textTargets } from "./texts.js";
import { wireTargets } from "./wires.js";

/** All targets of the fuzzer in JavaScript. */
export const javascriptTargets: readonly Target[] = [
  ...codecTargets,
  ...wireTargets,
  ...textTargets,
  ...handshakeTargets,
];
