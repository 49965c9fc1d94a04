/** Who knows what the receiving user wants, and lends him messages in place: see `lender` of RingPort. */
export interface Lender {
  /** Whether what comes is better left in the ring until somebody asks for it. */
  readonly leavesInRing: boolean;
  /** Whether somebody waits for a message. */
  readonly isWaitedFor: boolean;
  /** The position before which nothing is lent. */
  readonly released: number;
  /** Gives messages in place to those who wait for them. */
  serve(): void;
  /** The event loop has turned. Returns how many bytes were read in place in the turn that is over. */
  turned(): number;
}
