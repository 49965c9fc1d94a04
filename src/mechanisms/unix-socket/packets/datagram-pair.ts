/** One end of a pair of datagram sockets in this process. The kernel does not tell a datagram socket that its peer has closed, so the ends tell one another. */
export interface PairedPort {
  otherEnd: PairedPort | undefined;
  /** The other end has closed; what it has sent is still delivered. */
  otherClosed(graceful: boolean): void;
}

/** Lets two ends know of each other. */
export function joinPair(left: PairedPort, right: PairedPort): void {
  left.otherEnd = right;
  right.otherEnd = left;
}

/** This end closes. Neither end keeps the other in memory from now on. */
export function leavePair(port: PairedPort, graceful: boolean): void {
  const other = port.otherEnd;
  if (other === undefined) return;
  port.otherEnd = other.otherEnd = undefined;
  other.otherClosed(graceful);
}
