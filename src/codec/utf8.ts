const { isUtf8 } = process.getBuiltinModule("node:buffer");

/** The string in these bytes. Throws for invalid UTF-8, which `toString` would change into replacement characters. */
export function decodeUtf8(bytes: Buffer, codecName: string): string {
  if (!isUtf8(bytes))
    throw new Error(`${codecName} cannot decode ${bytes.length} bytes: they are not valid UTF-8`);
  return bytes.toString("utf8");
}
