import { defineConfig } from "tsup";

type TsupConfig = ReturnType<typeof defineConfig>;

const config: TsupConfig = defineConfig({
  entry: { index: "src/index.ts" },
  tsconfig: "tsconfig.src.json",
  format: "esm",
  target: "node20.19",
  platform: "node",
  clean: true,
  // The output is not minified and reads well in a stack trace; a map with the sources would more than double the package.
  sourcemap: false,
  splitting: true,
  // The engine's package is an optional dependency and loaded only when asked for.
  external: ["node-unix-socket", /^node-unix-socket\//],
  // tsup hands the bundler of declarations a baseUrl, which TypeScript 6 deprecates.
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
});

export default config;
