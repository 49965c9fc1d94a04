/**
 * What a daemon needs: one instance, an orderly end, sockets in the right place, and access that is denied by default.
 *
 * @packageDocumentation
 */
export type { DaemonLogger } from "./logger.js";

export {
  type InheritedSocket,
  type InheritedSocketKind,
  inheritedSockets,
} from "./systemd/inherited-sockets.js";
export type { NotificationFields } from "./systemd/notification.js";
export { ServiceManager, type ServiceManagerOptions } from "./systemd/service-manager.js";
export type { WatchdogOptions } from "./systemd/watchdog.js";

export {
  type HandedSocket,
  offerSockets,
  type OfferSocketsOptions,
  type SocketOffer,
} from "./hand-over/offer-sockets.js";
export { type TakenSockets, takeSockets, type TakeSocketsOptions } from "./hand-over/take-sockets.js";
export type { Daemon, DaemonState } from "./lifecycle/run-daemon.js";
export { runDaemon } from "./lifecycle/run-daemon.js";
export type { DaemonContext, DaemonOptions } from "./lifecycle/options.js";
export type { Deferred, Drainable, Releasable } from "./lifecycle/resources.js";
export type {
  DaemonDatagramOptions,
  DaemonListenerOptions,
  DaemonSocketOptions,
  DaemonSockets,
  DaemonSocketTable,
  ReceivedBy,
  SentBy,
} from "./lifecycle/sockets.js";
export type { DaemonEvent, DaemonStep } from "./lifecycle/steps.js";
export { runtimeDirectory, type RuntimeDirectoryOptions } from "./runtime-directory.js";
export { policy, type Policy, type PolicyDecision } from "./policy/policy.js";
export { policySchema } from "./policy/data.js";
export type { CertificateData, PolicyData, RoleData, RuleData } from "./policy/data.js";
export type { RuleKind } from "./policy/compiled.js";
export type { HeldRole } from "./policy/roles.js";
export type { DaemonPeer } from "./peer.js";
export { peerGroups } from "../mechanisms/peer-credentials.js";
export { quota, type Quota, type QuotaUse } from "./quota/quota.js";
export { QuotaError, type QuotaLimits, type QuotaName } from "./quota/limits.js";
export { auditLog, type AuditEntry, type AuditLog, type AuditLogOptions } from "./audit/audit-log.js";
export type { LineSink } from "./audit/line-writer.js";
export { guard, type Guard, type GuardOptions } from "./guard.js";
export {
  type CheckResult,
  type Health,
  type HealthCheck,
  healthMethods,
  type HealthMethods,
  type HealthOptions,
} from "./health/health.js";
export { daemonMetrics, type DaemonMetrics, type DaemonMetricsOptions } from "./health/metrics.js";
export type {
  MetricsRegistry,
  PrometheusLibrary,
  PrometheusMetric,
  PrometheusMetricClass,
  PrometheusMetricConfiguration,
  PrometheusRegistryClass,
} from "./health/prometheus.js";
export { serveMetrics, type ServeMetricsOptions } from "./health/serve-metrics.js";
export {
  type DroppedPrivileges,
  dropPrivileges,
  type DropPrivilegesOptions,
} from "./privileges/drop-privileges.js";
export { noNewPrivileges } from "./privileges/no-new-privileges.js";
export { spawnSandboxed } from "./sandbox/spawn-sandboxed.js";
export type { SandboxedChild, SandboxExit, SandboxLimits, SandboxOptions } from "./sandbox/types.js";
