import type { InternetAddress } from "../core/channel.js";
import { ChannelError, type ErrorDetails } from "../core/errors.js";
import { checkCount } from "../core/options.js";
import { describe } from "../core/wait.js";
import { AF_INET, AF_INET6, ENDPOINT_BYTES } from "../native/constants.js";
import type { Endpoint } from "../native/native-core.js";
import { loadDns, loadNet, loadOs } from "./builtin.js";

const { existsSync, readFileSync } = process.getBuiltinModule("node:fs");

/**
 * Where servers listen, sockets are bound and clients connect unless told otherwise: nobody but this machine can come there. A server that the network shall
 * reach says so, with an address of this machine, `"0.0.0.0"` or `"::"`.
 */
export const LOOPBACK = "127.0.0.1";

const MOST_PORT = 65_535;
const PORT = 2;
const ADDRESS = 4;
const SCOPE = 20;
/** The first bytes of an IPv6 address that stands for an IPv4 one: ::ffff:a.b.c.d. */
const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** Throws unless this is a port; returns it. */
export function checkPort(name: string, port: unknown): number {
  return checkCount(name, port as number, 0, MOST_PORT);
}

/** Throws unless this may be the name or address of a machine; returns it. */
export function checkHost(name: string, host: unknown): string {
  if (typeof host !== "string" || host === "" || host.includes("\0"))
    throw new TypeError(`${name} must be a host's name or address, received ${describe(host)}`);
  return host;
}

/** Throws unless this is `{ host, port }` with an IP address; returns it. */
export function checkInternetAddress(name: string, value: unknown): InternetAddress {
  if (value === null || typeof value !== "object")
    throw new TypeError(`${name} must be { host, port }, received ${describe(value)}`);
  const { host, port } = value as Partial<InternetAddress>;
  if (typeof host !== "string" || loadNet().isIP(host) === 0) {
    throw new TypeError(
      `${name}.host must be an IPv4 or IPv6 address, received ${describe(host)}; look names up once, with node:dns`,
    );
  }
  return { host, port: checkPort(`${name}.port`, port) };
}

/** An address as people write it: `127.0.0.1:80`, `[::1]:80`. */
export function textOf({ host, port }: InternetAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The family of sockets that an IP address belongs to. */
export function familyOf(host: string): number {
  return loadNet().isIPv6(host) ? AF_INET6 : AF_INET;
}

/**
 * The addresses of a host, in the order in which they should be tried (getaddrinfo(3)); an address is its own.
 *
 * @throws (by the promise) ChannelError `ERR_NO_PEER` when the name is unknown
 */
export async function resolveHost(host: string, details: ErrorDetails): Promise<readonly string[]> {
  if (loadNet().isIP(host) !== 0) return [host];
  try {
    const found = await loadDns().lookup(host, { all: true });
    return found.map(({ address }) => address);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `Cannot ${details.operation}: the host ${describe(host)} has no address that is known here (${reason}); check its name`;
    throw new ChannelError("ERR_NO_PEER", text, { ...details, cause });
  }
}

/** The address as the native core takes it. With `family` AF_INET6 an IPv4 address becomes the IPv6 address that stands for it. */
export function toEndpoint({ host, port }: InternetAddress, family: number = familyOf(host)): Endpoint {
  const endpoint = Buffer.alloc(ENDPOINT_BYTES);
  endpoint.writeUInt16BE(port, PORT);
  endpoint[0] = family === AF_INET6 ? 6 : 4;
  if (!loadNet().isIPv4(host)) writeAddress6(endpoint, host);
  else if (family === AF_INET6) {
    MAPPED.copy(endpoint, ADDRESS);
    writeAddress4(endpoint, ADDRESS + MAPPED.length, host);
  } else writeAddress4(endpoint, ADDRESS, host);
  return endpoint;
}

/** What the native core has written at this offset. */
export function fromEndpoint(bytes: Buffer, start = 0): InternetAddress {
  const port = bytes.readUInt16BE(start + PORT);
  const address = start + ADDRESS;
  if (bytes[start] === 4) return { host: dotted(bytes, address), port };
  if (bytes.compare(MAPPED, 0, MAPPED.length, address, address + MAPPED.length) === 0)
    return { host: dotted(bytes, address + MAPPED.length), port };
  const scope = nativeUint32(bytes, start + SCOPE);
  return { host: scope === 0 ? colons(bytes, address) : `${colons(bytes, address)}%${scope}`, port };
}

/** Who is at an address, as far as can be told: an IPv4 address, or the /64 of an IPv6 address, of which one host has as many as it likes. */
export function networkOf(host: string): string {
  if (!host.includes(":")) return host;
  const endpoint = Buffer.from(toEndpoint({ host: host.replace(/%.*/, ""), port: 0 }));
  // IPv4 in the clothes of IPv6 stands for one host.
  const { host: plain } = fromEndpoint(endpoint);
  if (!plain.includes(":")) return plain;
  endpoint.fill(0, ADDRESS + 8, SCOPE);
  return `${colons(endpoint, ADDRESS)}/64`;
}

/**
 * The index of a network interface, given by its name or by an address that it has.
 *
 * @throws TypeError or RangeError when there is none of that name or address
 */
export function interfaceIndex(argument: string, value: unknown): number {
  if (typeof value !== "string" || value === "") {
    throw new TypeError(
      `${argument} must be the name or an address of a network interface, received ${describe(value)}`,
    );
  }
  const index = indexOfInterface(loadNet().isIP(value) === 0 ? value : (interfaceWith(value) ?? ""));
  if (index > 0) return index;
  const known = Object.keys(loadOs().networkInterfaces()).join(", ");
  throw new RangeError(
    `${argument} must be a network interface of this machine (${known}), received ${describe(value)}`,
  );
}

/** 0 when there is none of this name: netdevice(7). */
function indexOfInterface(name: string): number {
  const path = `/sys/class/net/${name}/ifindex`;
  return name === "" || name.includes("/") || !existsSync(path) ? 0 : Number(readFileSync(path, "utf8"));
}

/** The name of the interface that has this address. */
function interfaceWith(address: string): string | undefined {
  const interfaces = Object.entries(loadOs().networkInterfaces());
  return interfaces.find(([, addresses]) => addresses?.some((each) => each.address === address))?.[0];
}

function writeAddress4(target: Buffer, start: number, host: string): void {
  for (const [index, part] of host.split(".").entries()) target[start + index] = Number(part);
}

function writeAddress6(target: Buffer, host: string): void {
  const [address = "", scope] = host.split("%");
  const [head = "", tail] = address.split("::");
  const first = groupsOf(head);
  const last = tail === undefined ? [] : groupsOf(tail);
  for (const [index, group] of first.entries()) target.writeUInt16BE(group, ADDRESS + 2 * index);
  for (const [index, group] of last.entries()) target.writeUInt16BE(group, SCOPE - 2 * (last.length - index));
  if (scope === undefined) return;
  const index = /^[0-9]+$/.test(scope) ? Number(scope) : indexOfInterface(scope);
  new Uint32Array(target.buffer, target.byteOffset + SCOPE, 1)[0] = index;
}

/** The 16-bit groups of a part of an IPv6 address; its end may be written as IPv4. */
function groupsOf(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function dotted(bytes: Buffer, start: number): string {
  return `${bytes[start] ?? 0}.${bytes[start + 1] ?? 0}.${bytes[start + 2] ?? 0}.${bytes[start + 3] ?? 0}`;
}

/** As RFC 5952 wants it: the longest run of two or more zero groups is left out. */
function colons(bytes: Buffer, start: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(start + 2 * index));
  let runStart = 0;
  let runLength = 0;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > runLength) [runStart, runLength] = [from, to - from];
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  if (runLength < 2) return text(groups);
  return `${text(groups.slice(0, runStart))}::${text(groups.slice(runStart + runLength))}`;
}

function nativeUint32(bytes: Buffer, start: number): number {
  const copy = Uint8Array.prototype.slice.call(bytes, start, start + 4);
  return new Uint32Array(copy.buffer)[0] ?? 0;
}
