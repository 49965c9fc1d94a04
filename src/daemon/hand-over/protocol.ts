import { json, type StandardSchema } from "../../codec/index.js";
import type { Codec } from "../../core/codec.js";
import type { Allow } from "../../mechanisms/authorise.js";

/*
 * The hand-over, over a seqpacket connection of the successor to the process that serves:
 *
 *   successor   { take: VERSION }
 *   owner       { offer: [{ name, locked }, …] }     with the descriptors: of each socket, then of its lock where it is locked
 *   successor   { ready: true }                      when it can serve; until it is told more it accepts nobody
 *   owner       { yours: true }                      when it accepts no more, and the name of this connection is free
 *
 * At any time the owner may say { refused: "why" } and goes on serving. Each end of the connection before `ready` leaves the owner serving; each end after it leaves the
 * place to the successor.
 */

/** Counts up when an old process could not understand a new one any more. */
export const VERSION = 1;
/** SCM_MAX_FD, unix(7): descriptors in one message. */
export const MOST_DESCRIPTORS = 253;
/** Milliseconds for a step that takes no work of the other side. */
export const STEP_TIMEOUT = 5000;

/** One thing that is handed over. */
export interface OfferedSocket {
  readonly name: string;
  /** Whether a second descriptor follows, that of the path's lock. */
  readonly locked: boolean;
}

/** What either side says. */
export interface HandOverMessage {
  readonly take?: number;
  readonly offer?: readonly OfferedSocket[];
  readonly ready?: true;
  readonly yours?: true;
  readonly refused?: string;
}

const schema: StandardSchema<HandOverMessage> = {
  "~standard": {
    version: 1,
    vendor: "sluice",
    validate(value) {
      const message = problemOf(value);
      return message === undefined ? { value: value as HandOverMessage } : { issues: [{ message }] };
    },
  },
};

/** Why this is nothing that either side says. What is not known here is passed over: a newer version may say more. */
function problemOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "it is no object";
  const { take, offer, ready, yours, refused } = value as { readonly [K in keyof HandOverMessage]: unknown };
  if (take !== undefined && typeof take !== "number") return "take is no number";
  if (offer !== undefined && !isOffer(offer)) return "the offer is no list of different sockets";
  if ((ready ?? true) !== true || (yours ?? true) !== true) return "ready and yours are true or missing";
  return refused === undefined || typeof refused === "string" ? undefined : "refused is no text";
}

function isOffer(offer: unknown): offer is readonly OfferedSocket[] {
  if (!Array.isArray(offer)) return false;
  const names = new Set<string>();
  for (const each of offer as readonly (Partial<Record<keyof OfferedSocket, unknown>> | null)[]) {
    if (typeof each?.name !== "string" || typeof each.locked !== "boolean") return false;
    names.add(each.name);
  }
  return names.size === offer.length;
}

/** How both sides open their end. */
export interface HandOverSocketOptions {
  readonly type: "seqpacket";
  readonly codec: Codec<HandOverMessage>;
  readonly maxHandles: number;
  readonly allow: Allow | undefined;
}

export function handOverOptions(allow: Allow | undefined): HandOverSocketOptions {
  return { type: "seqpacket", codec: json(schema), maxHandles: MOST_DESCRIPTORS, allow };
}
