import type { Credentials } from "../../core/channel.js";
import { checkCount, checkOptions } from "../../core/options.js";
import { describe } from "../../core/wait.js";
import type { DaemonPeer } from "../peer.js";
import { FileTarget, type LineSink, LineWriter, sinkTarget } from "./line-writer.js";

/** A decision, as the audit log is told of it. */
export interface AuditEntry {
  /** What was decided about. */
  readonly event: "call" | "connect" | "subscribe";
  /** Who. */
  readonly peer: DaemonPeer | undefined;
  /** The peer's roles. */
  readonly roles?: readonly string[] | undefined;
  /** The method or topic. */
  readonly name?: string | undefined;
  /** What was decided. */
  readonly allowed: boolean;
  /** By which rule: a place in the policy, or the quota that was met. */
  readonly rule?: string | undefined;
  /** Milliseconds that the call took. */
  readonly duration?: number | undefined;
  /** What became of it: `"ok"`, or the code of the error. */
  readonly outcome?: string | undefined;
  /** How many more decisions like this one have no line of their own. */
  readonly repeated?: number | undefined;
  /** The input. It is only written with `payload`. */
  readonly payload?: unknown;
}

/** Options of {@link auditLog}. One of `path` and `write`. */
export interface AuditLogOptions {
  /** The file, which is made with mode 0600 where there is none. A symbolic link, a file of another user, or one that others have rights to is refused with `ERR_ACCESS_DENIED`. */
  readonly path?: string | undefined;
  /** Takes the lines instead, several at a time; one call after the other. */
  readonly write?: LineSink | undefined;
  /** Lines that may wait to be written. One more is lost, and counted. 4,096 by default. */
  readonly maxLines?: number | undefined;
  /** Writes inputs as well, as JSON, so many characters of each at most. `true` is 1,024. By default none: they may hold secrets. */
  readonly payload?: boolean | number | undefined;
  /** Told why lines could not be written. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A log of decisions. Made by {@link auditLog}. */
export interface AuditLog extends AsyncDisposable {
  /** Writes a line, soon. Never waits and never throws. */
  record(entry: AuditEntry): void;
  /** Lines that were lost, for want of room in the queue or on the disk. The log itself tells of them, as `"event":"gap"`, with the next line that can be written. */
  readonly lost: number;
  /** Opens the path anew, after the file was moved away by a rotation: for SIGHUP. Throws as `auditLog` does, and then goes on with the old file. */
  reopen(): void;
  /** Fulfils when all that was recorded is written, or lost. */
  flush(): Promise<void>;
  /** Flushes and closes. What is recorded later is lost, and counted. May be called again. */
  close(): Promise<void>;
}

/** The longest name that is written whole. */
const MOST_NAME = 256;

class JsonAuditLog implements AuditLog {
  readonly #writer: LineWriter;
  readonly #target: FileTarget | ReturnType<typeof sinkTarget>;
  readonly #payload: number;
  #closing: Promise<void> | undefined;
  #late = 0;

  constructor(options: AuditLogOptions) {
    checkOptions(options);
    const { path, write, payload = false, onError } = options;
    for (const [name, value, type] of [
      ["path", path, "string"],
      ["write", write, "function"],
      ["onError", onError, "function"],
    ] as const)
      if (value !== undefined && typeof value !== type)
        throw new TypeError(`options.${name} must be a ${type}, received ${describe(value)}`);
    if ((path === undefined) === (write === undefined))
      throw new TypeError("options must have one of path and write");
    const most = checkCount("options.maxLines", options.maxLines ?? 4096, 1, 1_000_000);
    this.#payload =
      typeof payload === "boolean"
        ? Number(payload) * 1024
        : checkCount("options.payload", payload, 1, 65_536);
    this.#target = write === undefined ? new FileTarget(path ?? "") : sinkTarget(write);
    this.#writer = new LineWriter(this.#target, most, gapLine, onError);
  }

  get lost(): number {
    return this.#writer.lost + this.#late;
  }

  record(entry: AuditEntry): void {
    if (this.#closing === undefined) this.#writer.push(this.#line(entry));
    else this.#late++;
  }

  reopen(): void {
    if (this.#closing === undefined) this.#writer.reopen();
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#writer.flush().then(() => {
      this.#target.close();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #line({
    event,
    peer,
    roles,
    name,
    allowed,
    rule,
    duration,
    outcome,
    repeated,
    payload,
  }: AuditEntry): string {
    return lineOf({
      time: new Date().toISOString(),
      event,
      peer: peerText(peer),
      roles: roles?.slice(0, 16).map((role) => cut(role)),
      name: name === undefined ? undefined : cut(name),
      decision: allowed ? "allowed" : "denied",
      rule: rule === undefined ? undefined : cut(rule),
      ms: duration === undefined ? undefined : Math.round(duration * 1000) / 1000,
      outcome: outcome === undefined ? undefined : cut(outcome),
      repeated,
      payload: this.#payload === 0 || payload === undefined ? undefined : cut(jsonOf(payload), this.#payload),
    });
  }
}

function peerText(peer: DaemonPeer | undefined): object | null {
  if (peer === undefined) return null;
  if ("remoteAddress" in peer) {
    const certificate = peer.tls?.peerCertificate;
    return {
      host: peer.remoteAddress.host,
      port: peer.remoteAddress.port,
      fingerprint256: certificate?.fingerprint256,
    };
  }
  const { pid, uid, gid } = peer satisfies Credentials;
  return { pid, uid, gid };
}

function gapLine(lost: number, error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const reason =
    error === undefined ? "the queue was full" : typeof code === "string" ? code : "the writer failed";
  return lineOf({ time: new Date().toISOString(), event: "gap", lost, reason });
}

/** One line of ASCII, whatever the texts hold: what could end a line, steer a terminal or turn the direction of writing is an escape of JSON. */
function lineOf(fields: object): string {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${JSON.stringify(fields).replace(/[^\x20-\x7e]/g, escape)}\n`;
}

/** A text of bounded length; a mark tells how much is missing. */
function cut(text: string, most: number = MOST_NAME): string {
  return text.length <= most ? text : `${text.slice(0, most)}...(${text.length - most} more)`;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // A cycle, or a bigint: that there was something is still worth a word.
    return describe(value);
  }
}

/**
 * A log of decisions: JSON lines, one a decision, with time, peer, roles, name, decision, rule, duration and outcome, in ASCII alone. Nothing a peer sends can end a line, and names are cut at
 * 256 characters.
 *
 * It never blocks and never grows without bound: lines wait in a bounded queue, and what is lost, because that is full or the disk is, is counted and told of in the log.
 *
 * @param options - where to, and how much
 * @throws TypeError or RangeError for wrong options; ChannelError `ERR_ACCESS_DENIED` for a file that is not safe to write to, `ERR_SYSTEM` for one that cannot be opened
 * @example
 * ```ts run
 * import { auditLog } from "sluice/daemon";
 *
 * await using log = auditLog({ write: (lines) => { process.stdout.write(lines); } });
 * log.record({ event: "call", peer: { pid: 7, uid: 1000, gid: 1000 }, name: "stop\n", allowed: false, rule: "rules[1].methods[0]" });
 * ```
 */
export function auditLog(options: AuditLogOptions): AuditLog {
  return new JsonAuditLog(options);
}
