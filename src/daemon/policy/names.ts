import { isWildcard } from "./data.js";

/** Names and wildcards of rules, each with the place that it stands at. To find one costs a look for each dot, however many rules there are. */
export class RuleNames<Place> {
  readonly #exact = new Map<string, Place>();
  readonly #prefixes = new Map<string, Place>();
  #longest = 0;

  add(name: string, place: Place): void {
    const [map, key] = isWildcard(name) ? [this.#prefixes, name.slice(0, -1)] : [this.#exact, name];
    if (!map.has(key)) map.set(key, place);
    if (map === this.#prefixes) this.#longest = Math.max(this.#longest, key.length);
  }

  /** The place of what covers a name or the whole of a wildcard. */
  covering(name: string): Place | undefined {
    const isWide = isWildcard(name);
    const text = isWide ? name.slice(0, -1) : name;
    const place = isWide ? undefined : this.#exact.get(name);
    if (place !== undefined || this.#prefixes.size === 0) return place;
    const all = this.#prefixes.get("");
    if (all !== undefined) return all;
    // A peer may send a name of nothing but dots: no more of it is read than the rules have.
    const most = this.#longest;
    for (let dot = text.indexOf("."); dot >= 0 && dot < most; dot = text.indexOf(".", dot + 1)) {
      const found = this.#prefixes.get(text.slice(0, dot + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The place of what has anything in common with a name or wildcard. */
  touching(name: string): Place | undefined {
    const covering = this.covering(name);
    if (covering !== undefined || !isWildcard(name)) return covering;
    const prefix = name.slice(0, -1);
    for (const map of [this.#exact, this.#prefixes])
      for (const [text, place] of map) if (text.startsWith(prefix)) return place;
    return undefined;
  }
}
