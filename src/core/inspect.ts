type Inspect = (value: unknown, options: object) => string;

/**
 * Says how `util.inspect`, and so `console.log`, shows the objects of a class: by what they are to their user, rather than by their parts.
 *
 * @param prototype - of the class
 * @param name - what they are called
 * @param shown - what is shown of one
 */
export function showAs<T extends object>(prototype: T, name: string, shown: (self: T) => object): void {
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value(this: T, _depth: number, options: object, inspect: Inspect): string {
      return `${name} ${inspect(shown(this), options)}`;
    },
  });
}
