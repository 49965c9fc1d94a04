import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { SharedBuffer } from "sluice";

/** Which files of the library this process runs: the same tests are made for the sources and for the packed package. */
export interface Origin {
  /** A file of its JavaScript, or the source that it was compiled from. */
  readonly code: string;
  /** The native core. */
  readonly core: string;
}

/** The proof is in what runs, not in what a resolver would give: the place of a throw, and the files that are mapped. */
export function origin(): Origin {
  SharedBuffer.create({ size: 4096 }).close();
  return { code: placeOfThrow(() => SharedBuffer.create({ size: -1 })), core: mappedCore() };
}

function placeOfThrow(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    const place = /((?:file:\/\/)?\/[^():]+):\d+:\d+/.exec((error as Error).stack ?? "")?.[1] ?? "";
    return place.startsWith("file:") ? fileURLToPath(place) : place;
  }
  throw new Error("The library has taken a wrong argument, and has thrown nothing");
}

function mappedCore(): string {
  const named = process.env["SLUICE_NATIVE"];
  const name = named === undefined ? `/linux-${process.arch}.node` : path.resolve(named);
  const mapping = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .find((line) => line.endsWith(name));
  return mapping?.slice(mapping.indexOf("/")) ?? "no native core is loaded";
}
