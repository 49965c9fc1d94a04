import { extend } from "../core/extend.js";
import { checkOptions } from "../core/options.js";
import { describe } from "../core/wait.js";
import type { Target } from "./parse-url.js";
import type { Scheme } from "./types.js";

/** Which end a parameter is for. The other end checks it and does nothing with it, so that one URL in a configuration serves both. */
type End = "connect" | "listen";

/** How a parameter is written. `"mode"` is octal, as for chmod(1); a list names all values there are. */
type Form = "number" | "mode" | "boolean" | readonly string[];

interface Parameter {
  readonly form: Form;
  readonly ends: readonly End[];
}

type Parameters = Readonly<Record<string, Parameter>>;

const both = (form: Form): Parameter => ({ form, ends: ["connect", "listen"] });
const connecting = (form: Form): Parameter => ({ form, ends: ["connect"] });
const listening = (form: Form): Parameter => ({ form, ends: ["listen"] });

/** What every scheme takes. */
const common: Parameters = { maxMessageSize: both("number"), timeout: connecting("number") };
const queue: Parameters = {
  ...common,
  create: both("boolean"),
  // Not for who connects: without `create` it would be an error there.
  exclusive: listening("boolean"),
  maxMessages: both("number"),
  mode: both("mode"),
};
const unixConnection: Parameters = {
  ...common,
  halfOpen: both("boolean"),
  maxHandles: both("number"),
  backlog: listening("number"),
  mode: listening("mode"),
};
const tcp: Parameters = {
  ...common,
  halfOpen: both("boolean"),
  noDelay: both("boolean"),
  keepAlive: both("boolean"),
  keepAliveInitialDelay: both("number"),
  backlog: listening("number"),
  dualStack: listening("boolean"),
  maxConnections: listening("number"),
};

/**
 * The options that a URL can say. Who may connect (`allow`), what messages look like (`codec`, `framing`) and what proves an identity (`tls`) are not among
 * them: whoever may change where a program listens shall not thereby change whom it trusts.
 */
const table: Readonly<Record<Scheme, Parameters>> = {
  unix: unixConnection,
  "unix-seqpacket": unixConnection,
  "unix-dgram": { ...common, mode: listening("mode") },
  fifo: {
    ...common,
    capacity: both("number"),
    writers: connecting(["single", "many"]),
    keepOpen: listening("boolean"),
    mode: listening("mode"),
  },
  shm: {
    ...common,
    halfOpen: both("boolean"),
    spin: both("number"),
    maxCapacity: connecting("number"),
    capacity: listening("number"),
    backlog: listening("number"),
    mode: listening("mode"),
  },
  mq: queue,
  sysv: { ...queue, projectId: both("number") },
  tcp,
  tls: { ...tcp, handshakeTimeout: listening("number") },
  udp: {
    ...common,
    ttl: both("number"),
    broadcast: both("boolean"),
    receiveBufferSize: both("number"),
    sendBufferSize: both("number"),
    dualStack: listening("boolean"),
    reuseAddress: listening("boolean"),
  },
};

/** Options of the mechanisms that the URL itself says, so that the two cannot contradict each other. */
const said: Readonly<Record<Scheme, readonly string[]>> = {
  unix: ["type"],
  "unix-seqpacket": ["type"],
  "unix-dgram": ["type"],
  fifo: [],
  shm: [],
  mq: ["kind", "projectId", "direction"],
  sysv: ["kind", "projectId", "direction"],
  tcp: ["host", "port"],
  tls: ["host", "port"],
  udp: ["host", "port"],
};

/**
 * The options of the program with those of the URL, of which the program's win.
 *
 * @throws TypeError for a parameter or value that the scheme does not know, and for an option that the URL says
 */
export function completeOptions(target: Target, end: End, options: object): Record<string, unknown> {
  checkOptions(options);
  const { scheme, parameters } = target;
  const complete: Record<string, unknown> = extend({}, options);
  const contradicting = said[scheme].find((name) => complete[name] !== undefined);
  if (contradicting !== undefined) {
    const value = describe(complete[contradicting]);
    throw new TypeError(`options.${contradicting} must be absent: the URL says it, received ${value}`);
  }
  if (complete["tls"] !== undefined && scheme !== "tls") {
    throw new TypeError(
      `options.tls goes with a URL that begins with tls://; with ${scheme} nothing would be encrypted`,
    );
  }
  for (const [name, text] of parameters) {
    const parameter = Object.hasOwn(table[scheme], name) ? table[scheme][name] : undefined;
    if (parameter === undefined) {
      const known = Object.keys(table[scheme]).join(", ");
      throw new TypeError(`url has an unknown parameter ${describe(name)}; ${scheme} takes ${known}`);
    }
    const value = parse(name, parameter.form, text);
    if (parameter.ends.includes(end)) complete[name] ??= value;
  }
  return complete;
}

function parse(name: string, form: Form, text: string): number | boolean | string {
  if (form === "number") {
    if (/^[0-9]{1,15}$/.test(text)) return Number(text);
    throw wrong(name, "a whole number in decimal digits", text);
  }
  if (form === "mode") {
    if (/^(0o|0)?[0-7]{3}$/.test(text)) return Number.parseInt(text.slice(-3), 8);
    throw wrong(name, "three octal digits such as 0600", text);
  }
  if (form === "boolean") {
    if (text === "true" || text === "false") return text === "true";
    throw wrong(name, "true or false", text);
  }
  if (form.includes(text)) return text;
  throw wrong(name, form.join(" or "), text);
}

function wrong(name: string, expected: string, text: string): TypeError {
  return new TypeError(`url's parameter ${name} must be ${expected}, received ${describe(text)}`);
}
