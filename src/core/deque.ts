/** How many slots the first element brings. */
const FIRST_SLOTS = 16;

/** A first-in first-out queue in a ring of slots that grows by doubling: no shifting of elements, no allocation while it does not grow. */
export class Deque<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;
  #length = 0;
  // How many slots will be needed when they were all given away.
  #likely = FIRST_SLOTS;

  /** How many elements wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds an element at the end. */
  push(element: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = element;
    this.#length++;
  }

  /**
   * Adds the first `count` elements of an array whose length is a power of two, and returns an array of empty slots for it: itself, or the queue's own, in whose
   * place it comes without anything being copied. That is so where the queue is empty, and the array no larger than what the queue has or well used.
   */
  pushAll(slots: (T | undefined)[], count: number): (T | undefined)[] {
    const before = this.#slots;
    const fits = slots.length <= before.length || (count > FIRST_SLOTS && count > slots.length >> 1);
    if (this.#length === 0 && fits) {
      this.#slots = slots;
      this.#head = 0;
      this.#length = count;
      return before;
    }
    for (let index = 0; index < count; index++) {
      this.push(slots[index] as T);
      slots[index] = undefined;
    }
    return slots;
  }

  /** Takes the first element; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const element = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    return element;
  }

  /** Takes the first `count` elements; there must be as many. */
  shiftMany(count: number): T[] {
    const slots = this.#slots;
    const head = this.#head;
    if (head === 0 && count === this.#length && count > 0) return this.#giveAll(slots);
    const end = head + count;
    let elements = slots.slice(head, end);
    slots.fill(undefined, head, end);
    if (end > slots.length) {
      elements = elements.concat(slots.slice(0, end - slots.length));
      slots.fill(undefined, 0, end - slots.length);
    }
    this.#head = end & (slots.length - 1);
    this.#length -= count;
    return elements as T[];
  }

  /**
   * Gives the slots themselves away: who takes everything in turn so spares a copy, and the elements are never stored into an array that V8 has moved to its
   * old generation, which would have to remember each of them.
   */
  #giveAll(slots: (T | undefined)[]): T[] {
    this.#likely = this.#length > slots.length >> 1 ? slots.length : slots.length >> 1;
    slots.length = this.#length;
    this.#slots = [];
    this.#length = 0;
    return slots as T[];
  }

  /** The element at this place counted from the first. */
  at(index: number): T | undefined {
    return index < this.#length ? this.#slots[(this.#head + index) & (this.#slots.length - 1)] : undefined;
  }

  /** Lets go of all elements and of the memory. */
  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#length = 0;
    this.#likely = FIRST_SLOTS;
  }

  #grow(): void {
    const slots = new Array<T | undefined>(Math.max(this.#slots.length * 2, this.#likely, FIRST_SLOTS));
    for (let index = 0; index < this.#length; index++) slots[index] = this.at(index);
    this.#slots = slots;
    this.#head = 0;
  }
}
