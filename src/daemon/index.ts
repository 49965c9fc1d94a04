/**
 * What a daemon needs: one instance, an orderly end, sockets in the right place, and access that is denied by default.
 *
 * @packageDocumentation
 */
export type { DaemonLogger } from "./logger.js";
