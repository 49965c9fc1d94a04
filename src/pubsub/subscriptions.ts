import { checkTopic, prefixesOf, prefixOf } from "./topic.js";
import type { Outbox } from "./outbox.js";

/** What is worth knowing of a topic that is published to again and again. */
export interface KnownTopic {
  readonly name: string;
  readonly bytes: Buffer;
  readonly prefixes: readonly string[];
}

/** Topics whose bytes and prefixes are remembered at most; then all are forgotten. */
const MOST_KNOWN = 4096;

/** Who has subscribed to what. To find them costs a look for each dot of the topic, however many subscriptions there are. */
export class Subscriptions {
  readonly #topics = new Map<string, KnownTopic>();
  readonly #exact = new Map<string, Set<Outbox>>();
  readonly #prefixes = new Map<string, Set<Outbox>>();
  #mark = 0;

  /** Checks a topic. */
  know(name: string): KnownTopic {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    checkTopic(name);
    if (this.#topics.size >= MOST_KNOWN) this.#topics.clear();
    const topic = { name, bytes: Buffer.from(name), prefixes: prefixesOf(name) };
    this.#topics.set(name, topic);
    return topic;
  }

  add(outbox: Outbox, pattern: string): void {
    outbox.patterns.add(pattern);
    const [map, key] = this.#placeOf(pattern);
    const set = map.get(key);
    if (set === undefined) map.set(key, new Set([outbox]));
    else set.add(outbox);
  }

  delete(outbox: Outbox, pattern: string): void {
    if (!outbox.patterns.delete(pattern)) return;
    const [map, key] = this.#placeOf(pattern);
    const set = map.get(key);
    set?.delete(outbox);
    if (set?.size === 0) map.delete(key);
  }

  deleteAll(outbox: Outbox): void {
    for (const pattern of [...outbox.patterns]) this.delete(outbox, pattern);
  }

  /** Everybody who has subscribed to a topic, once each. */
  match(topic: KnownTopic): Outbox[] {
    const found: Outbox[] = [];
    this.#mark++;
    this.#collect(this.#exact.get(topic.name), found);
    if (this.#prefixes.size > 0)
      for (const prefix of topic.prefixes) this.#collect(this.#prefixes.get(prefix), found);
    return found;
  }

  #collect(set: Set<Outbox> | undefined, found: Outbox[]): void {
    if (set === undefined) return;
    for (const outbox of set) {
      if (outbox.mark === this.#mark) continue;
      outbox.mark = this.#mark;
      found.push(outbox);
    }
  }

  #placeOf(pattern: string): [Map<string, Set<Outbox>>, string] {
    const prefix = prefixOf(pattern);
    return prefix === undefined ? [this.#exact, pattern] : [this.#prefixes, prefix];
  }
}
