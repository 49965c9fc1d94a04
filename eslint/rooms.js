/**
 * The rooms of the house and who may import whom: the layer table of docs/architecture.md, as data.
 *
 * `rooms` lists the other rooms a room may import (its own files are always allowed), `node` says whether it may
 * use Node's built-in modules, `packages` which packages from the registry. `public` marks a room that sees the
 * library as its users do, through "sluice" and "sluice/…" only.
 *
 * @typedef {{ rooms: readonly string[], node: boolean, packages: readonly string[], public?: true }} Permissions
 */

/** A file shared by mechanisms lies directly in src/mechanisms/; its room is called "mechanisms". */
const sharedFiles = "files directly in src/mechanisms";
const belowMechanisms = ["core", "native", "codec"];

/** @type {Readonly<Record<string, Permissions>>} */
const table = {
  core: { rooms: [], node: false, packages: [] },
  native: { rooms: ["core"], node: true, packages: [] },
  // msgpack() loads its library when it is first called: an optional peer dependency.
  codec: { rooms: ["core"], node: true, packages: ["@msgpack/msgpack"] },
  mechanisms: { rooms: belowMechanisms, node: true, packages: [] },
  "mechanisms/*": { rooms: [...belowMechanisms, "mechanisms"], node: true, packages: [] },
  // The one mechanism with a second engine, loaded lazily from an optional dependency.
  "mechanisms/unix-socket": {
    rooms: [...belowMechanisms, "mechanisms"],
    node: true,
    packages: ["node-unix-socket"],
  },
  // connect() and listen() by URL: the one place below the index that knows all mechanisms.
  door: { rooms: ["core", "mechanisms", "mechanisms/*"], node: false, packages: [] },
  // diagnostics_channel and NODE_DEBUG: told by core, which imports nothing, through an interface of its own.
  observing: { rooms: ["core"], node: true, packages: [] },
  rpc: { rooms: ["core", "codec"], node: true, packages: [] },
  pubsub: { rooms: ["core", "codec"], node: true, packages: [] },
  daemon: {
    rooms: ["core", "native", "codec", "mechanisms", "mechanisms/*", "rpc", "pubsub"],
    node: true,
    // daemonMetrics() loads it when it is first called: an optional peer dependency.
    packages: ["prom-client"],
  },
  index: {
    rooms: ["core", "native", "codec", "mechanisms", "mechanisms/*", "door", "observing"],
    node: false,
    packages: [],
  },
  cli: { rooms: [], node: true, packages: [], public: true },
  // zod stands for all the validators that the codecs take, the library that VS Code uses for all that speak JSON-RPC.
  examples: { rooms: [], node: true, packages: ["zod", "vscode-jsonrpc"], public: true },
  docs: { rooms: [], node: true, packages: [], public: true },
};

/**
 * What the given room may import, or undefined if there is no such room.
 *
 * @param {string} room
 * @returns {Permissions | undefined}
 */
export function permissionsOf(room) {
  if (Object.hasOwn(table, room)) return table[room];
  return room.startsWith("mechanisms/") ? table["mechanisms/*"] : undefined;
}

/**
 * The room a file lies in, or undefined for files outside the house (tests, scripts, configuration).
 *
 * @param {string} path path relative to the root of the project, with slashes
 * @returns {string | undefined}
 */
export function roomOf(path) {
  const [top, first, ...rest] = path.split("/");
  if (top === "examples" || top === "docs") return top;
  if (top !== "src" || first === undefined) return undefined;
  if (rest.length === 0) return first.replace(/\.[cm]?[jt]s$/, "");
  return first === "mechanisms" && rest.length > 1 ? `mechanisms/${rest[0]}` : first;
}

/**
 * @param {Permissions} permissions
 * @param {string} room
 * @returns {boolean}
 */
export function mayImport(permissions, room) {
  const { rooms } = permissions;
  return rooms.includes(room) || (room.startsWith("mechanisms/") && rooms.includes("mechanisms/*"));
}

/**
 * The allowed rooms in words, for the message.
 *
 * @param {Permissions} permissions
 * @param {string} room
 * @returns {string}
 */
export function allowedInWords(permissions, room) {
  const own = room === "mechanisms" ? sharedFiles : `${room} itself`;
  const allowed = permissions.public ? ["the public entry points (sluice, sluice/…)"] : permissions.rooms;
  const rooms = allowed.map((name) => (name === "mechanisms" ? sharedFiles : name));
  const node = permissions.node ? ["node: modules"] : [];
  return [own, ...rooms, ...node, ...permissions.packages].join(", ");
}
