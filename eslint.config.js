import jsdoc from "eslint-plugin-jsdoc";
import tsdoc from "eslint-plugin-tsdoc";
import tseslint from "typescript-eslint";
import layers from "./eslint/layers.js";

const local = { rules: { layers } };

/**
 * Tests that are switched off, or that switch the others off, tell nothing.
 *
 * @type {["error", ...object[]]}
 */
const noOnlyNoSkip = [
  "error",
  {
    selector:
      "MemberExpression[object.name=/^(it|test|describe|suite|bench)$/][property.name=/^(only|skip|todo|fails|skipIf)$/]",
    message: "No .only, .skip, .todo, .fails or .skipIf: test what the capability does instead.",
  },
];

export default tseslint.config(
  { ignores: ["dist/", "prebuilds/", ".build/", "bench/.build/", ".site/", "coverage/", "node_modules/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { local, jsdoc, tsdoc },
    rules: {
      "local/layers": "error",
      "tsdoc/syntax": "error",
      "jsdoc/check-param-names": ["error", { checkDestructured: false }],
      "jsdoc/empty-tags": "error",
      "jsdoc/no-types": "error",
      eqeqeq: "error",
      "no-empty": ["error", { allowEmptyCatch: false }],
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      // Numbers and booleans read well in messages as they are.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // Arguments are checked at run time, whatever their types promise: callers may write JavaScript.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // An abort rejects with the signal's reason, which may be anything.
      "@typescript-eslint/only-throw-error": ["error", { allowThrowingUnknown: true }],
      "@typescript-eslint/prefer-promise-reject-errors": ["error", { allowThrowingUnknown: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Classes with static factories are how the public face is made (`NamedPipe.openReader()`).
      "@typescript-eslint/no-extraneous-class": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "ImportDeclaration[importKind='value'][source.value=/^node:/]",
          message:
            "Take values of Node's modules from process.getBuiltinModule: an import makes a facade of the whole module, which costs every start (docs/rationale.md).",
        },
      ],
    },
  },
  {
    files: ["test/**/*.ts", "examples/**/*.ts"],
    rules: {
      "no-restricted-syntax": noOnlyNoSkip,
      // A test hands wrong values over on purpose and looks at what comes back.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unused-expressions": "off",
    },
  },
);
