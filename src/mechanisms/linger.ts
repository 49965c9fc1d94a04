/** How long a close in order waits for the peer to have what was written, and how often it looks: no event tells of an acknowledgement. */
export const LINGER_MS = 1000;
export const LOOK_AGAIN_MS = 20;

/** Whether the peer's kernel has all that was written, by what `SIOCOUTQ` counts; the acknowledgement of the end, which it may still owe, counts as one byte. */
export function isAcknowledged(unsentBytes: number): boolean {
  return unsentBytes <= 1;
}
