/** Who is told when a signal fires. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** Watches signals with one listener each, however many calls are under it: Node warns of a leak from the eleventh on. */
export class AbortWatch {
  readonly #watched = new Map<
    AbortSignal,
    { readonly calls: Set<Abortable>; readonly listener: () => void }
  >();

  add(signal: AbortSignal, call: Abortable): void {
    let watched = this.#watched.get(signal);
    if (watched === undefined) {
      const calls = new Set<Abortable>();
      const listener = (): void => {
        for (const each of calls) each.abort(signal.reason);
      };
      watched = { calls, listener };
      this.#watched.set(signal, watched);
      signal.addEventListener("abort", listener, { once: true });
    }
    watched.calls.add(call);
  }

  remove(signal: AbortSignal, call: Abortable): void {
    const watched = this.#watched.get(signal);
    if (watched?.calls.delete(call) !== true || watched.calls.size > 0) return;
    signal.removeEventListener("abort", watched.listener);
    this.#watched.delete(signal);
  }
}
