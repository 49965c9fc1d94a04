/** Names a value of the wrong kind for the text of an error, in few words whatever the value is. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "undefined";
    case "string":
      return value.length > 32 ? `a string of ${String(value.length)} characters` : JSON.stringify(value);
    case "function":
      return "a function";
    case "bigint":
      return "a bigint";
    case "object":
      return value === null ? "null" : describeObject(value);
    default:
      return `the ${typeof value} ${String(value)}`;
  }
}

function describeObject(value: object): string {
  const { constructor } = value;
  return typeof constructor === "function" && constructor.name !== ""
    ? `an instance of ${constructor.name}`
    : "an object without a constructor";
}

/** What an error says, in its first line: V8 and Node add drawings of the value, which the cause still has. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `${describe(thrown)} was thrown`;
  return thrown.message.split("\n", 1)[0] ?? "";
}
