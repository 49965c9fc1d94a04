/** The ids of names, as passwd(5) and group(5) have them: of each line the first field is the name, the third the id. */
export interface Accounts {
  /** The uid of a user. */
  readonly user: (name: string) => number | undefined;
  /** The gid of a group. */
  readonly group: (name: string) => number | undefined;
}

/**
 * Reads the accounts of this machine when the first name is asked for. Only the files: a directory service would be asked by a process of its own, and could hang where
 * a daemon starts or reloads. Users of such a service go by number.
 */
export function systemAccounts(): Accounts {
  let users: ReadonlyMap<string, number> | undefined;
  let groups: ReadonlyMap<string, number> | undefined;
  return {
    user: (name) => (users ??= idsIn("/etc/passwd")).get(name),
    group: (name) => (groups ??= idsIn("/etc/group")).get(name),
  };
}

function idsIn(file: string): ReadonlyMap<string, number> {
  const { readFileSync } = process.getBuiltinModule("node:fs");
  const ids = new Map<string, number>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [name = "", , id = ""] = line.split(":");
    // Of two lines with a name the first counts, as for getpwnam(3).
    if (/^\d+$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}
