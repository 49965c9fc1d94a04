import path from "node:path";
import { allowedInWords, mayImport, permissionsOf, roomOf } from "./rooms.js";

/** @typedef {import("estree").Node} Node */
/** @typedef {{ file: string, room: string, permissions: import("./rooms.js").Permissions }} Place */

/**
 * Enforces the layer table (see rooms.js): every import, export-from, dynamic import, require, process.getBuiltinModule and import type is
 * judged by the room it stands in and the room it reaches. Only src/native/binding.ts may load an addon.
 *
 * @type {import("eslint").Rule.RuleModule}
 */
const layers = {
  meta: {
    type: "problem",
    docs: { description: "keep every room of the house to the imports its layer allows" },
    schema: [],
    messages: {
      forbidden: '{{from}} may not import {{to}} ("{{specifier}}"). Allowed for {{from}}: {{allowed}}.',
      homeless: "{{path}} lies in no room of the house. Move it into one of src/{{rooms}}.",
      addon: "{{what}} loads an addon, and only src/native/binding.ts may do that. Use what it exports.",
    },
  },
  create(context) {
    const file = path.relative(context.cwd, context.filename).split(path.sep).join("/");
    const room = roomOf(file);
    if (room === undefined) return {};
    const permissions = permissionsOf(room);
    if (permissions === undefined) {
      const rooms = "{core,native,codec,mechanisms,rpc,pubsub,daemon,cli}";
      return {
        Program: (node) => context.report({ node, messageId: "homeless", data: { path: file, rooms } }),
      };
    }
    const place = { file, room, permissions };

    /** @param {Node} node @param {string} what */
    function addon(node, what) {
      if (file !== "src/native/binding.ts") context.report({ node, messageId: "addon", data: { what } });
    }

    /** @param {Node | null | undefined} source */
    function check(source) {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const specifier = source.value;
      const { to, allowed } = judge(place, specifier);
      if (!allowed) {
        const data = { from: room, to, specifier, allowed: allowedInWords(place.permissions, place.room) };
        context.report({ node: source, messageId: "forbidden", data });
      }
      if (specifier.endsWith(".node")) addon(source, `"${specifier}"`);
    }

    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      "TSImportType, TSExternalModuleReference": (/** @type {any} */ node) =>
        check(node.source ?? node.expression),
      "CallExpression[callee.name='require']": (/** @type {import("estree").CallExpression} */ node) =>
        check(node.arguments[0]),
      "CallExpression[callee.property.name='getBuiltinModule']": (
        /** @type {import("estree").CallExpression} */ node,
      ) => check(node.arguments[0]),
      "ObjectPattern > Property[key.name='createRequire']": (/** @type {Node} */ node) =>
        addon(node, "createRequire"),
      "ImportSpecifier[imported.name='createRequire']": (/** @type {Node} */ node) =>
        addon(node, "createRequire"),
      "MemberExpression[property.name='createRequire']": (/** @type {Node} */ node) =>
        addon(node, "createRequire"),
      "MemberExpression[object.name='process'][property.name='dlopen']": (/** @type {Node} */ node) =>
        addon(node, "process.dlopen"),
      "ImportSpecifier[imported.name='dlopen']": (/** @type {Node} */ node) => addon(node, "process.dlopen"),
    };
  },
};

/**
 * @param {Place} place
 * @param {string} specifier
 * @returns {{ to: string, allowed: boolean }} what is imported, in words, and whether this place may
 */
function judge({ file, room, permissions }, specifier) {
  if (specifier.startsWith(".")) {
    const target = path.posix.join(path.posix.dirname(file), specifier);
    const to = roomOf(target) ?? target;
    return { to, allowed: to === room || mayImport(permissions, to) };
  }
  if (specifier.startsWith("node:")) return { to: "node: modules", allowed: permissions.node };
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  if (name === "sluice") return { to: "the public entry points", allowed: permissions.public === true };
  return { to: `the package ${name}`, allowed: permissions.packages.includes(name) };
}

export default layers;
