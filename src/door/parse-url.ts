import { describe } from "../core/wait.js";
import type { Scheme } from "./types.js";

/** Where a URL points: decoded, and checked as far as a URL can be wrong. What the place itself may be is the mechanism's affair. */
export interface Target {
  readonly scheme: Scheme;
  /** The path or name; an abstract name with its NUL. Empty on the network. */
  readonly path: string;
  /** Empty on this machine. */
  readonly host: string;
  /** 0 on this machine. */
  readonly port: number;
  /** What stands behind the question mark, decoded, in its order. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** How the schemes are written; `"socket"` is a path, or an abstract name behind an `@`. */
const SHAPES: Readonly<Record<Scheme, "socket" | "path" | "network">> = {
  unix: "socket",
  "unix-seqpacket": "socket",
  "unix-dgram": "socket",
  fifo: "path",
  shm: "socket",
  mq: "path",
  sysv: "path",
  tcp: "network",
  tls: "network",
  udp: "network",
};

const EXAMPLES: Readonly<Record<Scheme, string>> = {
  unix: "unix:/run/app.sock or unix:@name",
  "unix-seqpacket": "unix-seqpacket:/run/app.sock or unix-seqpacket:@name",
  "unix-dgram": "unix-dgram:/run/app.sock or unix-dgram:@name",
  fifo: "fifo:/run/app.fifo",
  shm: "shm:/run/app.sock or shm:@name",
  mq: "mq:/jobs",
  sysv: "sysv:0x1234 or sysv:/path?projectId=3",
  tcp: "tcp://127.0.0.1:8080",
  tls: "tls://example.org:8443",
  udp: "udp://127.0.0.1:8125",
};

/** The schemes in words, for error texts. */
const KNOWN = Object.entries(SHAPES)
  .map(([scheme, shape]) => (shape === "network" ? `${scheme}://` : `${scheme}:`))
  .join(", ");

/**
 * Takes a URL apart by the rules of RFC 3986.
 *
 * It is not the WHATWG `URL` that browsers have: that one makes `/b` of `/a/../b`, drops tabs and newlines, and so would quietly mean another file.
 *
 * @throws TypeError for what is no URL of a known scheme
 */
export function parseUrl(url: unknown): Target {
  if (typeof url !== "string")
    throw new TypeError(`url must be a string such as "unix:/run/app.sock", received ${describe(url)}`);
  // A URL that is wrong may have a password in it, which belongs into no log.
  const shown = describe(url.replace(/\/\/[^/?#]*:[^/?#]*@/, "//…@"));
  const [, name = "", rest = ""] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? [];
  const scheme = name.toLowerCase();
  if (!isScheme(scheme)) {
    const way = url.startsWith("/") ? "; a path alone says nothing of what is there: write unix:/path" : "";
    throw new TypeError(`url must begin with one of ${KNOWN}, received ${shown}${way}`);
  }
  const fail = (text: string): never => {
    throw new TypeError(`url ${text}, received ${shown}; write ${EXAMPLES[scheme]}`);
  };
  if (rest.includes("#")) return fail("must have no fragment (a # in a path is written %23)");
  const question = rest.indexOf("?");
  const place = question < 0 ? rest : rest.slice(0, question);
  const parameters = parseQuery(question < 0 ? "" : rest.slice(question + 1), fail);
  if (SHAPES[scheme] === "network") {
    return { scheme, path: "", ...parseAuthority(place, fail), parameters };
  }
  const path = parsePath(scheme, place, SHAPES[scheme] === "socket", fail);
  return { scheme, path, host: "", port: 0, parameters };
}

/** Throws a TypeError that tells what the URL must be. */
type Fail = (text: string) => never;

function isScheme(name: string): name is Scheme {
  return Object.hasOwn(SHAPES, name);
}

function parsePath(scheme: Scheme, place: string, mayBeAbstract: boolean, fail: Fail): string {
  let path = place;
  if (path.startsWith("//")) {
    const end = path.indexOf("/", 2);
    const host = path.slice(2, end < 0 ? undefined : end);
    if (host !== "")
      return fail(`must name no host: ${scheme} stays on this machine, and takes /path or ///path`);
    path = end < 0 ? "" : path.slice(end);
  }
  if (path === "") return fail("must say where, behind the scheme");
  const isAbstract = mayBeAbstract && path.startsWith("@");
  const name = decode(isAbstract ? path.slice(1) : path, fail);
  if (isAbstract && name === "") return fail("must have a name behind the @ of an abstract socket");
  return isAbstract ? `\0${name}` : name;
}

function parseAuthority(place: string, fail: Fail): { host: string; port: number } {
  const [, authority = "", path = ""] = /^\/\/([^/]*)(.*)$/s.exec(place) ?? fail("must have // and a host");
  if (authority.includes("@")) return fail("must have no user and no password: nothing here would send them");
  if (path !== "" && path !== "/") return fail("must have no path behind the port");
  const [, bracketed, plain, port = ""] =
    /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::([^:]*))?$/s.exec(authority) ??
    fail("must have one host and one port (an IPv6 address stands in brackets: [::1])");
  const host = decode(bracketed ?? plain ?? "", fail);
  if (host === "") return fail("must name a host before the port (every one of this machine's is 0.0.0.0)");
  if (/\s/.test(host)) return fail("must have no blank in its host");
  if (port === "") return fail("must say a port behind the host");
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535)
    return fail("must have a port from 0 to 65535 behind the host");
  return { host, port: Number(port) };
}

function parseQuery(query: string, fail: Fail): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query === "" ? [] : query.split("&")) {
    const equals = part.indexOf("=");
    if (equals < 1) return fail(`must have parameters as name=value (not ${describe(part)})`);
    const name = decode(part.slice(0, equals), fail);
    if (parameters.has(name)) return fail(`must say ${describe(name)} once`);
    parameters.set(name, decode(part.slice(equals + 1), fail));
  }
  return parameters;
}

function decode(text: string, fail: Fail): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    return fail("must have two hexadecimal digits of UTF-8 behind each % (a % itself is written %25)");
  }
  if (decoded.includes("\0")) return fail("must have no NUL (an abstract socket is written with @)");
  return decoded;
}
