import { transform } from "esbuild";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { defineConfig } from "tsup";

type TsupConfig = ReturnType<typeof defineConfig>;

const config: TsupConfig = defineConfig({
  entry: {
    index: "src/index.ts",
    rpc: "src/rpc/index.ts",
    pubsub: "src/pubsub/index.ts",
    daemon: "src/daemon/index.ts",
  },
  tsconfig: "tsconfig.src.json",
  format: "esm",
  target: "node20.19",
  platform: "node",
  clean: true,
  // What marks the steps at which tests kill a process: src/core/step.ts.
  esbuildOptions(options) {
    options.dropLabels = ["STEP"];
    // Puts numbers that are constants in their place: of a module's constants bundlers make variables, which V8 reads and checks each time.
    options.minifySyntax = true;
  },
  // A map with the sources would more than double the package.
  sourcemap: false,
  splitting: true,
  // The engine's package is an optional dependency and loaded only when asked for.
  external: ["node-unix-socket", /^node-unix-socket\//],
  // tsup hands the bundler of declarations a baseUrl, which TypeScript 6 deprecates. What is marked @internal, and the types that only it needs, stay out.
  dts: { compilerOptions: { ignoreDeprecations: "6.0", stripInternal: true } },
  // Without comments, which are in the declarations, and with short names: half of what there is to load, and a package under 250 KB.
  async onSuccess() {
    for (const name of readdirSync("dist")) {
      if (!name.endsWith(".js")) continue;
      const file = `dist/${name}`;
      const { code } = await transform(readFileSync(file, "utf8"), {
        minify: true,
        format: "esm",
        target: "node20.19",
        legalComments: "none",
      });
      writeFileSync(file, code);
    }
  },
});

export default config;
