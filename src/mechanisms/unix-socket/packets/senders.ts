import type { Credentials } from "../../../core/channel.js";
import type { PacketDetails } from "../../../core/packet-port.js";
import {
  NAME_STRIDE,
  PACKET_FLAGS,
  PACKET_GID,
  PACKET_HAS_CREDENTIALS,
  PACKET_NAME_LENGTH,
  PACKET_PID,
  PACKET_STRIDE,
  PACKET_UID,
} from "../../../native/binding.js";
import type { Admission } from "./engine.js";
import { memory } from "../../receive-memory.js";

const NOBODY: Credentials = Object.freeze({ pid: 0, uid: -1, gid: -1 });

/** Says who sent each datagram, and whether it is taken. Successive messages of one sender share one object. */
export class Senders {
  readonly #admission: Admission | undefined;
  #credentials: Credentials = NOBODY;
  #admitted = false;
  // The bytes of the last name: comparing them is cheaper than decoding each.
  #name: Buffer | undefined;
  #nameLength = 0;
  #details: PacketDetails | undefined;
  #refused: Credentials[] = [];

  /** @param admission - `undefined`: everybody is taken. One that must ask is left to {@link JudgedPort}. */
  constructor(admission: Admission | undefined) {
    this.#admission = admission;
    this.#admitted = admission === undefined;
  }

  /** What is known of the sender of the packet of this record; `undefined`: the packet is refused. */
  identify(index: number, named: boolean): PacketDetails | undefined {
    const { info, names } = memory;
    const record = index * PACKET_STRIDE;
    const known = ((info[record + PACKET_FLAGS] ?? 0) & PACKET_HAS_CREDENTIALS) !== 0;
    const pid = known ? (info[record + PACKET_PID] ?? 0) : 0;
    const uid = known ? (info[record + PACKET_UID] ?? 0) >>> 0 : -1;
    const gid = known ? (info[record + PACKET_GID] ?? 0) >>> 0 : -1;
    const nameLength = named ? (info[record + PACKET_NAME_LENGTH] ?? 0) : 0;
    const start = index * NAME_STRIDE;
    const last = this.#credentials;
    if (this.#details === undefined || last.pid !== pid || last.uid !== uid || last.gid !== gid) {
      this.#credentials = known ? { pid, uid, gid } : NOBODY;
      this.#admitted =
        this.#admission === undefined ||
        (known && this.#admission.authorisation.decide(this.#credentials) !== false);
      this.#tell(names, start, nameLength);
    } else if (!this.#isLastName(names, start, nameLength)) this.#tell(names, start, nameLength);
    if (this.#admitted) return this.#details;
    this.#refuse();
    return undefined;
  }

  #isLastName(names: Buffer, start: number, length: number): boolean {
    if (length !== this.#nameLength) return false;
    const name = this.#name;
    for (let index = length - 1; index >= 0; index--)
      if (names[start + index] !== name?.[index]) return false;
    return true;
  }

  #tell(names: Buffer, start: number, length: number): void {
    const credentials = this.#credentials;
    if (length > 0) names.copy((this.#name ??= Buffer.alloc(NAME_STRIDE)), 0, start, start + length);
    this.#nameLength = length;
    this.#details =
      length === 0 ? { credentials } : { credentials, from: names.toString("utf8", start, start + length) };
  }

  #refuse(): void {
    this.#refused.push(this.#credentials);
    if (this.#refused.length > 1) return;
    process.nextTick(() => {
      const refused = this.#refused;
      this.#refused = [];
      for (const credentials of refused) this.#admission?.refused(credentials);
    });
  }
}
