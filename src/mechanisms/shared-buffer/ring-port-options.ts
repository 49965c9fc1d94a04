import type { NativeCore } from "../../native/native-core.js";
import type { RingMemory } from "./ring-memory.js";

/** What a port over two rings needs. */
export interface RingPortOptions {
  readonly core: NativeCore;
  /** The connected socket, which carries bells and tells of the peer's end. It belongs to the port from now on. */
  readonly fd: number;
  readonly memory: RingMemory;
  readonly maxMessageSize: number;
  /** Microseconds to look for data before sleeping. */
  readonly spin: number;
  readonly address: string;
}
