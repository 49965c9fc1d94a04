import { describe } from "../../../core/wait.js";
import { loadCore } from "../../../native/binding.js";
import type { EngineName, PacketEngine, PacketType } from "./engine.js";
import { nativeEngine } from "./native-engine.js";
import { loadAddon } from "./package-addon.js";
import { packageEngine } from "./package-engine.js";

/** The option `engine`: one of the engines, or `"auto"`: the native core where it loads, else node-unix-socket. */
export type EngineOption = EngineName | "auto";

/**
 * The engine over sockets of the native core.
 *
 * @throws TypeError for anything that is no engine; ChannelError `ERR_UNSUPPORTED` where the engine does not load here. Without the core see
 *   without-core.ts.
 */
export function loadEngine(option: EngineOption, operation: string, type: PacketType): PacketEngine {
  loadCore();
  switch (option) {
    case "auto":
    case "native":
      return nativeEngine;
    case "node-unix-socket":
      loadAddon(operation, `unix-${type}`);
      return packageEngine;
    default:
      throw new TypeError(
        `options.engine must be "auto", "native" or "node-unix-socket", received ${describe(option)}`,
      );
  }
}
