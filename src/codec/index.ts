export { bytes } from "./bytes.js";
export { contentLength } from "./content-length.js";
export { json } from "./json.js";
export { lengthPrefixed, type LengthPrefixedOptions } from "./length-prefixed.js";
export { lines, type LinesOptions } from "./lines.js";
export { none } from "./none.js";
export { nul } from "./nul.js";
export { structured } from "./structured.js";
export { text, type TextEncoding } from "./text.js";
