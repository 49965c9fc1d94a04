import { describe } from "../core/wait.js";

/** Throws unless the value is a boolean or absent. */
export function checkBoolean(name: string, value: boolean | undefined): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw new TypeError(`options.${name} must be a boolean, received ${describe(value)}`);
  }
}

/** Throws unless the value is one of these or absent. */
export function checkChoice(
  name: string,
  value: string | boolean | undefined,
  choices: readonly (string | boolean)[],
): void {
  if (value !== undefined && !choices.includes(value)) {
    const list = choices.map((choice) => JSON.stringify(choice)).join(" or ");
    throw new TypeError(`options.${name} must be ${list}, received ${describe(value)}`);
  }
}
