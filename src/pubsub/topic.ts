import { describe } from "../core/wait.js";

/** The longest topic or pattern, in bytes of UTF-8: its length is one byte on the wire. */
export const MOST_TOPIC_BYTES = 255;

// No control characters, no halves of characters, no dots and asterisks between the dots.
const SEGMENTS = /^[^\p{Cc}\p{Cs}.*]+(?:\.[^\p{Cc}\p{Cs}.*]+)*$/u;

/** Whether this is a topic: names with dots between them. */
export function isTopic(text: string): boolean {
  return SEGMENTS.test(text) && isShort(text);
}

/** Whether this is a topic, or all topics beneath one (`"prices.*"`), or all (`"*"`). */
export function isPattern(text: string): boolean {
  if (text === "*") return true;
  return isShort(text) && SEGMENTS.test(text.endsWith(".*") ? text.slice(0, -2) : text);
}

/** Throws unless this is a topic. */
export function checkTopic(topic: string): void {
  if (typeof topic !== "string") throw new TypeError(`topic must be a string, received ${describe(topic)}`);
  if (isTopic(topic)) return;
  const length = Buffer.byteLength(topic);
  if (length > MOST_TOPIC_BYTES)
    throw new RangeError(`topic must have at most ${MOST_TOPIC_BYTES} bytes, received ${length}`);
  throw new TypeError(
    `topic must be names with dots between them, such as "prices.gold", without "*", received ${describe(topic)}`,
  );
}

/** Throws unless this is a pattern. */
export function checkPattern(name: string, pattern: string): void {
  if (typeof pattern === "string" && isPattern(pattern)) return;
  throw new TypeError(
    `${name} must be a topic of at most ${MOST_TOPIC_BYTES} bytes, such as "prices.gold", all beneath one, "prices.*", or all, "*"; received ${describe(pattern)}`,
  );
}

/** What topics begin with that a wildcard matches (`"prices."` for `"prices.*"`); `undefined` for a pattern without one. */
export function prefixOf(pattern: string): string | undefined {
  return pattern.endsWith("*") ? pattern.slice(0, -1) : undefined;
}

/** All that a topic begins with that a wildcard could match, the empty text first. */
export function prefixesOf(topic: string): string[] {
  const prefixes = [""];
  for (let dot = topic.indexOf("."); dot >= 0; dot = topic.indexOf(".", dot + 1))
    prefixes.push(topic.slice(0, dot + 1));
  return prefixes;
}

/** Patterns. Whether one of them matches costs a look for each dot of the topic, however many they are. */
export class PatternSet {
  readonly #patterns = new Set<string>();
  readonly #prefixes = new Set<string>();

  get size(): number {
    return this.#patterns.size;
  }

  has(pattern: string): boolean {
    return this.#patterns.has(pattern);
  }

  add(pattern: string): void {
    this.#patterns.add(pattern);
    const prefix = prefixOf(pattern);
    if (prefix !== undefined) this.#prefixes.add(prefix);
  }

  delete(pattern: string): boolean {
    const prefix = prefixOf(pattern);
    if (prefix !== undefined) this.#prefixes.delete(prefix);
    return this.#patterns.delete(pattern);
  }

  matches(topic: string): boolean {
    if (this.#patterns.has(topic)) return true;
    if (this.#prefixes.size === 0) return false;
    return this.#prefixes.has("") || prefixesOf(topic).some((prefix) => this.#prefixes.has(prefix));
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#patterns.values();
  }
}

function isShort(text: string): boolean {
  // A string has at most three bytes of UTF-8 a code unit.
  return text.length * 3 <= MOST_TOPIC_BYTES || Buffer.byteLength(text) <= MOST_TOPIC_BYTES;
}
