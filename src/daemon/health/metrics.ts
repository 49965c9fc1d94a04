import type { IntervalHistogram } from "node:perf_hooks";
import type { AuditLog } from "../audit/audit-log.js";
import type { Quota } from "../quota/quota.js";
import { type ChannelTotals, OpenChannels } from "./open-channels.js";
import { loadPrometheus, type MetricsRegistry, type PrometheusLibrary } from "./prometheus.js";

/**
 * Options of {@link daemonMetrics}.
 *
 * @typeParam R - the `Registry` of prom-client
 */
export interface DaemonMetricsOptions<R extends MetricsRegistry = MetricsRegistry> {
  /** Whose overflows are told. */
  readonly quota?: Quota | undefined;
  /** Whose losses are told. */
  readonly audit?: AuditLog | undefined;
  /** The package prom-client, where it cannot be loaded by its name, and for the type of the registry. */
  readonly library?: PrometheusLibrary<R> | undefined;
}

/**
 * What a daemon tells of itself in numbers. Made by {@link daemonMetrics}.
 *
 * @typeParam R - the `Registry` of prom-client
 */
export interface DaemonMetrics<R extends MetricsRegistry = MetricsRegistry> extends Disposable {
  /** The registry of prom-client, for metrics of your own; typed as such where {@link DaemonMetricsOptions.library} was given. */
  readonly registry: R;
  /** Milliseconds by which the event loop was late, at worst, since the last look: about 0 in a program that is well. */
  readonly lag: number;
  /** All metrics in Prometheus' text format, version 0.0.4. */
  text(): Promise<string>;
}

/** What is told of the channels of each mechanism, and how it is summed up. */
const OF_CHANNELS: readonly (readonly [keyof ChannelTotals, string, string])[] = [
  ["open", "sluice_channels_open", "Channels that are open."],
  ["sendQueueBytes", "sluice_send_queue_bytes", "Bytes that wait to leave this process."],
  ["receiveQueueBytes", "sluice_receive_queue_bytes", "Bytes that wait to be received."],
  ["messagesSent", "sluice_messages_sent_total", "Messages sent."],
  ["messagesReceived", "sluice_messages_received_total", "Messages received."],
  ["bytesSent", "sluice_bytes_sent_total", "Bytes sent."],
  ["bytesReceived", "sluice_bytes_received_total", "Bytes received."],
  ["dropped", "sluice_messages_dropped_total", "Messages that nobody got."],
  ["refused", "sluice_connections_refused_total", "Peers that a listener has refused."],
];

/** The histogram is sampled so often, and what it tells is over that. */
const RESOLUTION_MS = 20;

class PrometheusMetrics<R extends MetricsRegistry> implements DaemonMetrics<R> {
  readonly registry: R;
  readonly #channels = new OpenChannels();
  readonly #delay: IntervalHistogram;

  constructor({ quota, audit, library = loadPrometheus<R>() }: DaemonMetricsOptions<R>) {
    const { Counter, Gauge, Registry } = library;
    const registry = new Registry();
    this.registry = registry;
    this.#delay = process
      .getBuiltinModule("node:perf_hooks")
      .monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#delay.enable();
    const add = (
      name: string,
      help: string,
      label: string | undefined,
      read: () => Iterable<readonly [string, number]>,
    ): void => {
      const labelNames = label === undefined ? [] : [label];
      const isCounter = name.endsWith("_total");
      const metric = isCounter
        ? new Counter({ name, help, labelNames, registers: [registry], collect })
        : new Gauge({ name, help, labelNames, registers: [registry], collect });
      function collect(): void {
        metric.reset();
        for (const [value, number] of read())
          metric.inc(label === undefined ? {} : { [label]: value }, number);
      }
    };
    const one = function* (read: () => number): Iterable<readonly [string, number]> {
      yield ["", read()];
    };
    for (const [key, name, help] of OF_CHANNELS)
      add(name, help, "mechanism", () =>
        Array.from(this.#channels.totals(), ([mechanism, totals]) => [mechanism, totals[key]]),
      );
    const lag = "Seconds by which the event loop was late, at worst, since the last look.";
    add("sluice_event_loop_lag_seconds", lag, undefined, () => one(() => this.#takeLag() / 1000));
    add("sluice_uptime_seconds", "Seconds since the process has started.", undefined, () =>
      one(() => process.uptime()),
    );
    add("sluice_resident_memory_bytes", "Memory of the process.", undefined, () =>
      one(() => process.memoryUsage.rss()),
    );
    if (quota !== undefined) {
      add("sluice_quota_overflows_total", "How often a limit was met.", "quota", () =>
        Object.entries(quota.overflows),
      );
      add("sluice_quota_users", "Users who have something open.", undefined, () =>
        one(() => quota.users.length),
      );
    }
    if (audit !== undefined)
      add("sluice_audit_lost_total", "Lines of the audit log that were lost.", undefined, () =>
        one(() => audit.lost),
      );
  }

  get lag(): number {
    return Math.max(0, this.#delay.max / 1e6 - RESOLUTION_MS);
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
    this.#channels[Symbol.dispose]();
  }

  #takeLag(): number {
    const { lag } = this;
    this.#delay.reset();
    return lag;
  }
}

/**
 * Counts what this process does: all its channels by mechanism (open, queues, messages, drops, refusals), quota overflows, losses of the audit log, and the lag of the event loop. Channels
 * that were opened before are not seen: make it first.
 *
 * It takes the package prom-client, which you install beside sluice.
 *
 * @throws ChannelError `ERR_UNSUPPORTED` when prom-client is not there
 * @example
 * ```ts run
 * import { MemoryChannel } from "sluice";
 * import { daemonMetrics } from "sluice/daemon";
 *
 * using metrics = daemonMetrics();
 * const [left] = MemoryChannel.pair();
 * await left.send(Buffer.from("a message"));
 * console.log(await metrics.text()); // … sluice_messages_sent_total{mechanism="memory"} 1
 * await left.close();
 * ```
 */
export function daemonMetrics<R extends MetricsRegistry = MetricsRegistry>(
  options: DaemonMetricsOptions<R> = {},
): DaemonMetrics<R> {
  return new PrometheusMetrics<R>(options);
}
