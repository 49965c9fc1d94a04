import type { Credentials } from "../../core/channel.js";
import { peerGroups, wantPeerGroups } from "../../mechanisms/peer-credentials.js";
import type { TlsState } from "../../mechanisms/tcp-socket/types.js";
import { type DaemonPeer, isId, uidOf } from "../peer.js";
import type { CertificateData } from "./data.js";

/** A role, and the place in the data that gives it. */
export interface HeldRole {
  /** The role's name. */
  readonly role: string;
  /** Why the peer has it: `roles.admin.groups[0]`. */
  readonly because: string;
}

// When it is loaded, so that no connection of a daemon is without them.
wantPeerGroups();

type Table = Map<number, HeldRole[]>;

/** Who has which role. */
export class Roles {
  readonly #byUid: Table = new Map();
  readonly #byGid: Table = new Map();
  readonly #byCertificate: (HeldRole & { readonly certificate: CertificateData })[] = [];
  readonly #anyone: HeldRole[] = [];

  addUser(uid: number, held: HeldRole): void {
    append(this.#byUid, uid, held);
  }

  addGroup(gid: number, held: HeldRole): void {
    append(this.#byGid, gid, held);
  }

  addCertificate(certificate: CertificateData, { role, because }: HeldRole): void {
    this.#byCertificate.push({ role, because, certificate });
  }

  addAnyone(held: HeldRole): void {
    this.#anyone.push(held);
  }

  /** The roles of a peer, each once. Nobody knows who has no uid and no good certificate: such a peer has none. */
  of(peer: DaemonPeer | undefined): readonly HeldRole[] {
    const found: HeldRole[] = [];
    const add = (all: readonly HeldRole[] | undefined): void => {
      for (const held of all ?? []) if (!found.some(({ role }) => role === held.role)) found.push(held);
    };
    const uid = uidOf(peer);
    if (uid !== undefined) {
      const credentials = peer as Credentials;
      add(this.#byUid.get(uid));
      if (isId(credentials.gid)) add(this.#byGid.get(credentials.gid));
      for (const gid of peerGroups(credentials)) add(this.#byGid.get(gid));
    } else {
      const tls = certifiedBy(peer);
      if (tls === undefined) return found;
      for (const held of this.#byCertificate) if (fits(tls, held.certificate)) add([held]);
    }
    add(this.#anyone);
    return found;
  }
}

/** The certificate of a client of TLS, if it was found good. */
export function certifiedBy(
  peer: DaemonPeer | undefined,
): NonNullable<TlsState["peerCertificate"]> | undefined {
  const { tls } = (peer ?? {}) as { readonly tls?: TlsState };
  return tls?.authorized === true ? tls.peerCertificate : undefined;
}

function fits(certificate: NonNullable<TlsState["peerCertificate"]>, wanted: CertificateData): boolean {
  const { commonName, subjectAltName, fingerprint256 } = wanted;
  const { subject, subjectaltname } = certificate;
  // A subject with several common names is nobody's in particular: Node gives an array then, which equals no text.
  if (commonName !== undefined && subject?.CN !== commonName) return false;
  if (subjectAltName !== undefined && !alternativeNames(subjectaltname ?? "").includes(subjectAltName))
    return false;
  return (
    fingerprint256 === undefined || fingerprint256.toUpperCase() === certificate.fingerprint256?.toUpperCase()
  );
}

/** Node puts a name that holds what could be taken for a separator between quotes, and it stays there: so it equals no other. */
function alternativeNames(text: string): string[] {
  return text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g)?.map((name) => name.trim()) ?? [];
}

function append(table: Table, id: number, held: HeldRole): void {
  const all = table.get(id);
  if (all === undefined) table.set(id, [held]);
  else all.push(held);
}
