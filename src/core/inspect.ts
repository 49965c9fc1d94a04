/** The name under which `util.inspect`, and so `console.log`, asks an object how it wants to be shown. */
export const inspectSymbol: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/** What Node gives to a method of this name. */
export type Inspect = (value: unknown, options: object) => string;
