import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { promisify } from "node:util";
import * as prometheus from "prom-client";
import { describe, expect, test } from "vitest";
import { ChannelError, MemoryChannel, UnixSocket } from "sluice";
import { auditLog, daemonMetrics, healthMethods, quota, serveMetrics } from "sluice/daemon";
import { createClient, serve } from "sluice/rpc";
import { freshPath, until } from "../../mechanisms/unix-socket/support.js";

const run = promisify(execFile);
/** Without the sanitizer that this process may have: with it curl 7.88 hangs before its first line, even `curl --version`. */
const curl = async (path: string, ...args: string[]): Promise<string> => {
  const env = { ...process.env, LD_PRELOAD: "" };
  return (await run("curl", ["-sS", "--max-time", "10", "--unix-socket", path, ...args], { env })).stdout;
};

describe("healthMethods()", () => {
  test("tells how each part is: well, late, failed, or unwell by its own word", async () => {
    const checks = {
      fine: () => undefined,
      slow: () => new Promise(() => undefined),
      broken: () => Promise.reject(new Error("no disk")),
      no: () => false,
    };
    const methods = healthMethods({ checks, timeout: 20 });
    const [left, right] = MemoryChannel.pair();
    await using _server = serve(left, { ...methods });
    await using client = createClient<typeof methods>(right);
    expect(await client.health()).toMatchObject({
      status: "failing",
      checks: {
        fine: { ok: true },
        slow: { ok: false, error: "it took more than 20 ms" },
        broken: { ok: false, error: "no disk" },
        no: { ok: false, error: "it says no" },
      },
    });
    expect(await healthMethods().health()).toMatchObject({ status: "ok", checks: {} });
    expect(() => healthMethods({ timeout: -1 })).toThrow(RangeError);
  });
});

describe("daemonMetrics()", () => {
  test("counts all channels by mechanism, closed ones too, and tells quotas and the audit log", async () => {
    const limits = quota({ connections: 1 });
    const audit = auditLog({ write: () => undefined });
    await audit.close();
    audit.record({ event: "call", peer: undefined, allowed: true });
    using metrics = daemonMetrics({ quota: limits, audit });
    const [left, right] = MemoryChannel.pair();
    await left.send(Buffer.from("12345"));
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, { allow: { uids: [4242] } });
    const refused = await UnixSocket.connect(path);
    await refused.closed.catch(() => undefined);
    refused.destroy();
    await until(() => listener.refused === 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect([limits.admit(left), limits.admit(right)]).toEqual([true, false]);
    const before = await metrics.text();
    expect(before).toContain('sluice_channels_open{mechanism="memory"} 2\n');
    expect(before).toContain('sluice_messages_sent_total{mechanism="memory"} 1\n');
    expect(before).toContain('sluice_receive_queue_bytes{mechanism="memory"} 5\n');
    expect(before).toContain('sluice_connections_refused_total{mechanism="unix-stream"} 1\n');
    expect(before).toContain('sluice_quota_overflows_total{quota="connections"} 1\n');
    expect(before).toContain("sluice_audit_lost_total 1\n");
    await right.receive();
    await Promise.all([left.close(), right.close()]);
    await new Promise((resolve) => setImmediate(resolve));
    const after = await metrics.text();
    expect(after).toContain('sluice_channels_open{mechanism="memory"} 0\n');
    expect(after).toContain('sluice_bytes_received_total{mechanism="memory"} 5\n');
  });

  test("tells by how much the event loop was late, until the next look", async () => {
    using metrics = daemonMetrics();
    // Time counts from the sampling timer's first turn on, which has to come first.
    for (let tries = 0; tries < 50 && metrics.lag < 100; tries++) {
      const end = performance.now() + 200;
      while (performance.now() < end);
      await new Promise((resolve) => setTimeout(resolve));
    }
    expect(metrics.lag).toBeGreaterThan(100);
    const [, seconds] = /^sluice_event_loop_lag_seconds (\S+)/m.exec(await metrics.text()) ?? [];
    expect(Number(seconds)).toBeGreaterThan(0.1);
    expect(metrics.lag).toBeLessThan(100);
  });

  test("has the registry of the prom-client that it is given, for metrics of one's own", async () => {
    using metrics = daemonMetrics({ library: prometheus });
    const jobs = new prometheus.Counter({ name: "jobs_total", help: "Jobs.", registers: [metrics.registry] });
    jobs.inc(3);
    const text = await metrics.text();
    expect(text).toContain("jobs_total 3\n");
    expect(text).toContain("# TYPE sluice_channels_open gauge\n");
  });

  test("says what to install when prom-client is not there", async () => {
    const program = `import { daemonMetrics } from ${JSON.stringify(new URL("../../../.build/src/daemon/index.js", import.meta.url).href)};
      import Module from "node:module";
      const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...rest) => { if (name === "prom-client") throw new Error("no such package"); return resolve(name, ...rest); };
      try { daemonMetrics(); } catch (error) { console.log(error.code, error.message); }`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program]);
    expect(stdout).toMatch(/^ERR_UNSUPPORTED Cannot load prom-client.*npm install prom-client/);
  });
});

describe("serveMetrics()", () => {
  test("is read by curl over a Unix socket that is nobody else's", async () => {
    const path = freshPath("metrics.sock");
    using metrics = daemonMetrics();
    let isWell = true;
    const methods = healthMethods({ metrics, checks: { disk: () => isWell } });
    await using listener = await serveMetrics(path, methods);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = await curl(path, "http://localhost/metrics");
    expect(text).toContain("# TYPE sluice_event_loop_lag_seconds gauge\n");
    expect(text).toContain("# TYPE sluice_messages_sent_total counter\n");
    expect(JSON.parse(await curl(path, "http://localhost/health"))).toMatchObject({
      status: "ok",
      checks: { disk: { ok: true } },
    });
    isWell = false;
    const code = ["-o", "/dev/null", "-w", "%{http_code}"];
    expect(await curl(path, ...code, "http://localhost/health")).toBe("503");
    expect(await curl(path, ...code, "http://localhost/other")).toBe("404");
    expect(await curl(path, ...code, "-X", "POST", "-d", "x", "http://localhost/metrics")).toBe("405");
    expect(listener.address).toBe(path);
  });

  test("answers garbage with 400, a client that ends its side first, and not more than 4 of a user at a time", async () => {
    const path = freshPath("metrics.sock");
    await using _listener = await serveMetrics(path, healthMethods());
    const socat = async (input: string): Promise<string> =>
      (await run("bash", ["-c", `printf ${JSON.stringify(input)} | socat -t5 - UNIX-CONNECT:${path}`]))
        .stdout;
    expect(await socat("nonsense\\r\\n\\r\\n")).toMatch(/^HTTP\/1\.1 400/);
    expect(await socat("GET /health HTTP/1.0\\r\\n\\r\\n")).toMatch(/^HTTP\/1\.1 200 OK[^]*"status":"ok"/);
    const idle = await Promise.all(Array.from({ length: 4 }, () => UnixSocket.connect(path)));
    const late = await UnixSocket.connect(path);
    await expect(late.receive()).rejects.toBeInstanceOf(ChannelError);
    for (const channel of idle) channel.destroy();
  });
});
