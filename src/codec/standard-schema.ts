import type { MessageIssue as SchemaIssue } from "../core/errors.js";

export type { MessageIssue as SchemaIssue } from "../core/errors.js";

/**
 * The part of the Standard Schema interface that sluice asks of a validator. What zod, valibot, arktype and others make is one as it is.
 *
 * Source: https://standardschema.dev
 *
 * @typeParam Input - what a value must be to pass
 * @typeParam Output - what comes out: the same, unless the schema converts or fills in defaults
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The interface's one property, named so that it cannot collide with the validator's own. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** Who made the validator: `"zod"`, `"valibot"`, … */
    readonly vendor: string;
    /** Checks a value of which nothing is known. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Exists for the compiler only. */
    readonly types?:
      | {
          /** What a value must be to pass. */
          readonly input: Input;
          /** What comes out. */
          readonly output: Output;
        }
      | undefined;
  };
}

/** What a validator says: the value, or what is wrong with it. */
export type SchemaResult<Output> =
  | {
      /** What the schema makes of the value. */
      readonly value: Output;
      /** Nothing is wrong. */
      readonly issues?: undefined;
    }
  | {
      /** What is wrong. */
      readonly issues: readonly SchemaIssue[];
    };

/** What a value must be to pass a schema. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["input"];

/** What a schema makes of a value that passes. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["output"];

/** Whether a value has the form of a Standard Schema. A schema may be a function, as those of arktype are. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const standard = (value as Partial<StandardSchema>)["~standard"];
  return typeof standard === "object" && standard.version === 1 && typeof standard.validate === "function";
}

/** The most issues that an error's text names; `issues` has all of them. */
const NAMED_ISSUES = 3;

/** The issues in words, for the text of an error: `size.width: expected number; …`. */
export function issuesInWords(issues: readonly SchemaIssue[]): string {
  const named = issues.slice(0, NAMED_ISSUES).map(({ message, path }) => {
    const place = path?.map((step) => String(typeof step === "object" ? step.key : step)).join(".");
    return place === undefined || place === "" ? message : `${place}: ${message}`;
  });
  const more = issues.length - named.length;
  if (more > 0) named.push(`${more} more`);
  return named.join("; ");
}
