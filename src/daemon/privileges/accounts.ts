const { readFileSync } = process.getBuiltinModule("node:fs");

/** A user, as passwd(5) has it. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** The user of this name or id; `undefined` where there is none. */
export function findUser(user: string | number): Account | undefined {
  const fields = findEntry("passwd", user, 7);
  if (fields === undefined) return undefined;
  const [name = "", , uid, gid, , home = "/"] = fields;
  return { name, uid: Number(uid), gid: Number(gid), home };
}

/** The id of the group of this name; `undefined` where there is none. */
export function findGroup(name: string): number | undefined {
  const fields = findEntry("group", name, 4);
  return fields === undefined ? undefined : Number(fields[2]);
}

/** The ids of the groups that list this user in group(5). */
export function groupsOf(name: string): number[] {
  const lists = (fields: readonly string[]): boolean => fields[3]?.split(",").includes(name) === true;
  return entries("group", 4)
    .filter(lists)
    .map((fields) => Number(fields[2]));
}

/** From the file, which every system has; where it is not there from the other sources of nsswitch.conf(5), which getent(1) asks. */
function findEntry(database: string, key: string | number, count: number): readonly string[] | undefined {
  const matches = (fields: readonly string[]): boolean =>
    fields[typeof key === "string" ? 0 : 2] === String(key);
  const found = entries(database, count).find(matches);
  if (found !== undefined) return found;
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { stdout } = spawnSync("getent", [database, String(key)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  // No output: getent knows nobody, or is not installed here and so there are no other sources. It takes digits for an id, even where a name is asked for.
  return parse(stdout as string | null, count).find(matches);
}

function entries(database: string, count: number): string[][] {
  try {
    return parse(readFileSync(`/etc/${database}`, "utf8"), count);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The entries with as many fields as they must have, and numbers where ids belong: others are passed over, as the C library does. */
function parse(text: string | null, count: number): string[][] {
  const isEntry = (fields: readonly string[]): boolean =>
    fields.length >= count && fields.slice(2, count === 7 ? 4 : 3).every((id) => /^\d{1,10}$/.test(id));
  return (text ?? "")
    .split("\n")
    .map((line) => line.split(":"))
    .filter(isEntry);
}
