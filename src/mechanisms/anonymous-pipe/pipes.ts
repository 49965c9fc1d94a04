import { fromErrno, loadCore } from "../../native/binding.js";
import { enlargePipe } from "../pipe-channel.js";

/** The two descriptors of a pipe(7), non-blocking and close-on-exec. */
export interface PipeDescriptors {
  readonly reader: number;
  readonly writer: number;
}

/** How much a pipe shall hold. */
export interface PipeCapacity {
  /** Bytes at least, or it is an error. */
  readonly capacity?: number | undefined;
  /** Without `capacity`: bytes that it shall hold if the user's limits allow. */
  readonly preferred?: number;
}

/** Makes a pipe, pipe2(2). */
function makePipe(operation: string, { capacity, preferred = 0 }: PipeCapacity): PipeDescriptors {
  const ends = new Int32Array(2);
  const result = loadCore().pipe(ends, capacity === undefined ? preferred : 0);
  if (result < 0) {
    throw fromErrno(result, {
      operation,
      mechanism: "anonymous-pipe",
      syscall: "pipe2",
      action: "make a pipe",
      hint: "the limits are RLIMIT_NOFILE for a process and fs.file-max for all",
    });
  }
  const [reader = -1, writer = -1] = ends;
  try {
    if (capacity !== undefined) enlargePipe(writer, capacity, { mechanism: "anonymous-pipe", operation });
  } catch (error) {
    closeAll([reader, writer]);
    throw error;
  }
  return { reader, writer };
}

/** Makes so many pipes, or none. */
export function makePipes(operation: string, count: number, capacity: PipeCapacity): PipeDescriptors[] {
  const pipes: PipeDescriptors[] = [];
  try {
    while (pipes.length < count) pipes.push(makePipe(operation, capacity));
    return pipes;
  } catch (error) {
    for (const { reader, writer } of pipes) closeAll([reader, writer]);
    throw error;
  }
}

/**
 * Makes an end as programs expect it that were not written for an event loop: their reads and writes wait. The other end is an open file of
 * its own and stays as it is.
 */
export function makeBlocking(fd: number): void {
  loadCore().setNonBlocking(fd, false);
}

/** Closes descriptors that were made here. */
export function closeAll(descriptors: readonly number[]): void {
  for (const fd of descriptors) loadCore().close(fd);
}
