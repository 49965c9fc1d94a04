import { loadOptional } from "../../codec/optional-package.js";

// prom-client is an optional peer dependency: a declaration that named its types would not compile where it is not installed.

/** The part of prom-client's `Registry` that is used. */
export interface MetricsRegistry {
  /** All metrics as text. */
  metrics(): Promise<string>;
}

/** The part of prom-client's `Gauge` and `Counter` that is used. */
export interface PrometheusMetric {
  /** Forgets all values. */
  reset(): void;
  /** Adds to the value with these labels. */
  inc(labels: Record<string, string>, value: number): void;
}

/** How a metric is made. */
export interface PrometheusMetricConfiguration<R extends MetricsRegistry> {
  /** Its name, such as `"sluice_channels_open"`. */
  name: string;
  /** What it counts, for people. */
  help: string;
  /** What its values are told apart by. */
  labelNames: string[];
  /** Where it is to be found. */
  registers: R[];
  /** Called before the values are told. */
  collect: () => void;
}

/**
 * A class of metrics.
 *
 * @typeParam R - the `Registry` of prom-client
 */
export interface PrometheusMetricClass<R extends MetricsRegistry = MetricsRegistry> {
  /** Makes a metric of this kind. */
  new (configuration: PrometheusMetricConfiguration<R>): PrometheusMetric;
}

/**
 * The class of registries.
 *
 * @typeParam R - the `Registry` of prom-client
 */
export interface PrometheusRegistryClass<R extends MetricsRegistry = MetricsRegistry> {
  /** Makes an empty one. */
  new (): R;
}

/**
 * The part of the package prom-client that is used.
 *
 * @typeParam R - its `Registry`
 */
export interface PrometheusLibrary<R extends MetricsRegistry = MetricsRegistry> {
  /** Makes a number that goes up and down. */
  readonly Gauge: PrometheusMetricClass<R>;
  /** Makes a number that goes up. */
  readonly Counter: PrometheusMetricClass<R>;
  /** Makes a set of them. */
  readonly Registry: PrometheusRegistryClass<R>;
}

/** Loads prom-client, an optional peer dependency, when metrics are first asked for. */
export function loadPrometheus<R extends MetricsRegistry>(): PrometheusLibrary<R> {
  return loadOptional("prom-client", "daemonMetrics()") as PrometheusLibrary<R>;
}
