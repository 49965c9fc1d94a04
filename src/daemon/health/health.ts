import { checkDuration } from "../../core/wait.js";
import type { DaemonMetrics } from "./metrics.js";

/** Looks whether a part of the daemon is well: it is not when this throws, rejects, or gives `false`. */
export type HealthCheck = () => unknown;

/** Options of {@link healthMethods}. */
export interface HealthOptions {
  /** What to look at, by name. */
  readonly checks?: Readonly<Record<string, HealthCheck>> | undefined;
  /** Milliseconds that a check may take. 1,000 by default. */
  readonly timeout?: number | undefined;
  /** What `metrics` answers with, and whose lag of the event loop `health` tells. */
  readonly metrics?: DaemonMetrics | undefined;
}

/** How a check went. */
export interface CheckResult {
  /** Whether this part is well. */
  readonly ok: boolean;
  /** Why not. */
  readonly error?: string | undefined;
}

/** How a daemon is. */
export interface Health {
  /** `"ok"`: every check is well. */
  readonly status: "ok" | "failing";
  /** The checks by name. */
  readonly checks: Readonly<Record<string, CheckResult>>;
  /** Seconds since the process has started. */
  readonly uptime: number;
  /** Milliseconds by which the event loop was late, at worst, since the metrics were read; without metrics it is not known. */
  readonly lag?: number | undefined;
}

/** Methods to spread into those of `serve`. */
export interface HealthMethods {
  /** Runs all checks, at the same time. */
  readonly health: () => Promise<Health>;
  /** The metrics in Prometheus' text format; empty without them. */
  readonly metrics: () => Promise<string>;
}

/**
 * The methods `health` and `metrics`, to be served with the daemon's own.
 *
 * @param options - the checks, and the metrics
 * @throws RangeError for a wrong `timeout`
 * @example
 * ```ts run
 * import { MemoryChannel } from "sluice";
 * import { healthMethods } from "sluice/daemon";
 * import { createClient, serve } from "sluice/rpc";
 *
 * const methods = { ...healthMethods({ checks: { disk: () => true } }), now: () => Date.now() };
 * const [left, right] = MemoryChannel.pair();
 * await using server = serve(left, methods);
 * await using client = createClient<typeof methods>(right);
 * console.log((await client.health()).checks, server.peers);
 * ```
 */
export function healthMethods(options: HealthOptions = {}): HealthMethods {
  const { checks = {}, timeout = 1000, metrics } = options;
  checkDuration("timeout", timeout);
  return {
    async health() {
      const names = Object.keys(checks);
      const results = await Promise.all(names.map((name) => run(checks[name], timeout)));
      const status = results.every(({ ok }) => ok) ? "ok" : "failing";
      const named = Object.fromEntries(
        names.map((name, index) => [name, results[index]]),
      ) as Health["checks"];
      return { status, checks: named, uptime: process.uptime(), lag: metrics?.lag };
    },
    metrics: () => metrics?.text() ?? Promise.resolve(""),
  };
}

async function run(check: HealthCheck | undefined, timeout: number): Promise<CheckResult> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`it took more than ${timeout} ms`));
    }, timeout);
  });
  try {
    const verdict = await Promise.race([Promise.resolve().then(check), late]);
    return verdict === false ? { ok: false, error: "it says no" } : { ok: true };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
