export { bytes } from "./bytes.js";
export { contentLength } from "./content-length.js";
export { json } from "./json.js";
export { lengthPrefixed, type LengthPrefixedOptions } from "./length-prefixed.js";
export { lines, type LinesOptions } from "./lines.js";
export { msgpack, type MsgpackLibrary, type MsgpackOptions } from "./msgpack.js";
export { none } from "./none.js";
export { nul } from "./nul.js";
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
} from "./standard-schema.js";
export { structured } from "./structured.js";
export { text, type TextEncoding } from "./text.js";
export type { ValidationOptions } from "./validated.js";
