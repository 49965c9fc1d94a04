import type { Counter, Gauge, Registry } from "prom-client";
import { unsupported } from "../../core/errors.js";
import { reasonOf } from "../../codec/describe.js";

/** The part of the package prom-client that is used. */
export interface PrometheusLibrary {
  /** Makes a number that goes up and down. */
  readonly Gauge: typeof Gauge;
  /** Makes a number that goes up. */
  readonly Counter: typeof Counter;
  /** Makes a set of them. */
  readonly Registry: typeof Registry;
}

/** Loads prom-client, an optional peer dependency, when metrics are first asked for. */
export function loadPrometheus(): PrometheusLibrary {
  // eslint-disable-next-line local/layers -- no addon of ours: a package that is optional and must load late, in a call that is synchronous
  const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);
  try {
    return require("prom-client") as PrometheusLibrary;
  } catch (cause) {
    throw unsupported(
      `Cannot load prom-client, which daemonMetrics() needs: ${reasonOf(cause)}. Install it (npm install prom-client), or pass options.library`,
      { operation: "load", cause },
    );
  }
}
