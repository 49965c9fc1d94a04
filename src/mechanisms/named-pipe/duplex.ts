import type { WaitOptions } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { reached } from "../../core/step.js";
import { EAGAIN, loadCore } from "../../native/binding.js";
import type { Authorisation } from "../authorise.js";
import { openWhenRead } from "./await-reader.js";
import { failed, openToRead } from "./fifo.js";

/** The descriptors of one side of a pair of FIFOs. */
export interface DuplexEnds {
  readonly reader: number;
  readonly writer: number;
}

/**
 * Opens one side. Each side reads the FIFO that bears its name and holds a lock (flock(2)) on it for as long as it has it open, so that the
 * kernel frees a side whose process has died. It reads before it waits to write: so both sides find a reader, whoever comes first.
 */
export async function openDuplexEnds(
  path: string,
  wanted: "a" | "b" | undefined,
  options: WaitOptions,
  owners: Authorisation,
): Promise<DuplexEnds> {
  const { side, reader } = takeSide(path, wanted, owners);
  try {
    STEP: reached("fifo: side taken");
    const writer = await openWhenRead(`${path}.${side === "a" ? "b" : "a"}`, options, owners);
    return { reader, writer };
  } catch (error) {
    loadCore().close(reader);
    throw error;
  }
}

function takeSide(
  path: string,
  wanted: "a" | "b" | undefined,
  owners: Authorisation,
): { side: "a" | "b"; reader: number } {
  for (const side of wanted === undefined ? (["a", "b"] as const) : [wanted]) {
    const reader = openLocked(`${path}.${side}`, owners);
    if (reader !== undefined) return { side, reader };
  }
  const taken = wanted === undefined ? "both sides are" : `side ${JSON.stringify(wanted)} is`;
  throw new ChannelError(
    "ERR_ADDRESS_IN_USE",
    `Cannot open the duplex FIFO ${JSON.stringify(path)}: ${taken} taken by processes that are alive; a pair of FIFOs joins two processes`,
    { operation: "open", mechanism: "named-pipe", address: path },
  );
}

function openLocked(path: string, owners: Authorisation): number | undefined {
  const core = loadCore();
  const fd = openToRead(path, "read", owners);
  const result = core.lock(fd, "exclusive");
  if (result === 0) return fd;
  core.close(fd);
  if (result === -EAGAIN) return undefined;
  throw failed(result, "open", path, "flock", `lock the FIFO ${JSON.stringify(path)}`);
}
