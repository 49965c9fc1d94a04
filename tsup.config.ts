import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { defineConfig } from "tsup";
import ts from "typescript";

type TsupConfig = ReturnType<typeof defineConfig>;

const config: TsupConfig = defineConfig({
  entry: { index: "src/index.ts", rpc: "src/rpc/index.ts", pubsub: "src/pubsub/index.ts" },
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
  // Documentation is in the declarations; esbuild leaves that of class members in the code as well, a third of it.
  onSuccess() {
    for (const file of readdirSync("dist")) {
      if (!file.endsWith(".js")) continue;
      const { outputText } = ts.transpileModule(readFileSync(`dist/${file}`, "utf8"), {
        compilerOptions: {
          removeComments: true,
          target: ts.ScriptTarget.ESNext,
          module: ts.ModuleKind.ESNext,
        },
      });
      writeFileSync(`dist/${file}`, outputText);
    }
    return Promise.resolve();
  },
});

export default config;
