// Which characters of the library's compiled source have run: V8's own count of blocks, by the inspector.
import { Session, type Profiler } from "node:inspector";

const session = new Session();

/** What has been reached, by function. */
const reached = new Map<string, Uint8Array>();

function call(method: string, parameters?: object): unknown {
  let result: unknown;
  // The answers of the profiler come before `post` returns.
  session.post(method, parameters, (error: Error | null, value?: object) => {
    if (error !== null) throw error;
    result = value;
  });
  return result;
}

/** Begins to count. */
export function startCoverage(): void {
  session.connect();
  call("Profiler.enable");
  call("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
}

/** Forgets what has run since the last look. */
export function forgetCoverage(): void {
  call("Profiler.takePreciseCoverage");
}

/** Whether anything has run, since the last look, that never had before; `keep`: it then counts as known. */
export function hasNewCoverage(keep: boolean): boolean {
  const { result } = call("Profiler.takePreciseCoverage") as { result: Profiler.ScriptCoverage[] };
  let isNew = false;
  for (const { url, functions } of result) {
    if (!url.includes("/.build/src/")) continue;
    for (const { functionName, ranges } of functions) {
      const [whole] = ranges;
      if (whole === undefined || whole.count === 0) continue;
      const start = whole.startOffset;
      const now = new Uint8Array(whole.endOffset - start);
      // Inner ranges come after those that they are in.
      for (const { startOffset, endOffset, count } of ranges)
        now.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
      const key = `${url}:${start}:${functionName}`;
      const known = reached.get(key);
      const isNewHere = known === undefined || now.some((byte, index) => byte === 1 && known[index] !== 1);
      if (!isNewHere) continue;
      isNew = true;
      if (!keep) return true;
      reached.set(key, known === undefined ? now : now.map((byte, index) => byte | (known[index] ?? 0)));
    }
  }
  return isNew;
}

/** How much has been reached: functions, and characters of the compiled source. */
export function coverageFigures(): { readonly functions: number; readonly characters: number } {
  let characters = 0;
  for (const map of reached.values()) for (const byte of map) characters += byte;
  return { functions: reached.size, characters };
}
