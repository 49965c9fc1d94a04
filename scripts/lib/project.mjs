import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the project. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where programs that run outside the test runner are compiled to (see programs.mjs). */
export const buildFolder = path.join(root, ".build");

/** @param {string} executable a development tool's command */
export const tool = (executable) => path.join(root, "node_modules", ".bin", executable);

/**
 * All files below a folder whose name the filter accepts, sorted, relative to the root; none if there is no folder.
 *
 * @param {string} folder relative to the root
 * @param {(file: string) => boolean} accepts
 * @returns {string[]}
 */
export function filesBelow(folder, accepts) {
  const start = path.join(root, folder);
  if (!exists(start)) return [];
  return readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((file) => !file.split(path.sep).includes("node_modules") && accepts(file))
    .sort();
}

/** @param {string} file */
export const exists = (file) => statSync(file, { throwIfNoEntry: false }) !== undefined;

/**
 * When the file was last changed, in milliseconds since 1970; 0 if it does not exist.
 *
 * @param {string} file relative to the root, or absolute
 */
export const changedAt = (file) =>
  statSync(path.resolve(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
