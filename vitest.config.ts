import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { slowness } from "./test/support/sanitized.js";

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      { find: /^sluice$/, replacement: fileURLToPath(new URL("./src/index.ts", import.meta.url)) },
      { find: /^sluice\/(.*)$/, replacement: fileURLToPath(new URL("./src/$1/index.ts", import.meta.url)) },
    ],
  },
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    globalSetup: ["./scripts/vitest-setup.mjs"],
    pool: "forks",
    // Most tests wait for another process most of the time: two at a time use the cores that one leaves idle.
    maxWorkers: 2,
    testTimeout: 60_000 * slowness,
    hookTimeout: 30_000 * slowness,
    teardownTimeout: 10_000,
    // A test left alone by mistake would silence all the others.
    allowOnly: false,
    coverage: { provider: "v8", include: ["src/**/*.ts"], reportsDirectory: "coverage" },
  },
});

export default config;
