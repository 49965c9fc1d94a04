/**
 * Whether the text can hold a property called `__proto__`: as it is, or with some of its letters written as escapes. A text without
 * either, which is nearly every text, costs two searches.
 */
function mayNamePrototype(json: string): boolean {
  return json.includes("__proto__") || (json.includes("\\u00") && ESCAPED.test(json));
}

/** `__proto__` with at least one character as an escape, in either case of its digits. */
const ESCAPED: RegExp =
  /(?:_|\\u005f){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006f)(?:t|\\u0074)(?:o|\\u006f)(?:_|\\u005f){2}/i;

/**
 * The value of a JSON text (RFC 8259) from somebody who is not trusted. `JSON.parse` makes an ordinary own property of a `"__proto__"`, which harms
 * nobody by itself: but the next program that copies properties one by one sets a prototype with it. Such an object is refused.
 *
 * Throws a `SyntaxError` for what is no JSON, and for an object that has a property of this name.
 */
export function parseUntrustedJson(json: string): unknown {
  if (!mayNamePrototype(json)) return JSON.parse(json) as unknown;
  return JSON.parse(json, (name, value: unknown) => {
    if (name === "__proto__") throw new SyntaxError('a property is called "__proto__"');
    return value;
  }) as unknown;
}
