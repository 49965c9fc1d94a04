import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runtimeDirectory } from "../../src/daemon/runtime-directory.js";
import { failure } from "../mechanisms/unix-socket/support.js";
import { startPeer } from "../support/child.js";
import { freshFolder } from "./lifecycle/support.js";

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const uid = process.getuid?.() ?? 0;
const variables = ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"] as const;
let before: (string | undefined)[];

beforeEach(() => {
  before = variables.map((name) => process.env[name]);
  for (const name of variables) Reflect.deleteProperty(process.env, name);
});

afterEach(() => {
  variables.forEach((name, index) => {
    const value = before[index];
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  });
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("where runtimeDirectory() is", () => {
  it("takes $RUNTIME_DIRECTORY as it is, before everything else", () => {
    const folder = freshFolder();
    process.env["RUNTIME_DIRECTORY"] = folder;
    process.env["XDG_RUNTIME_DIR"] = freshFolder();
    expect(runtimeDirectory("app")).toBe(folder);
  });

  it("takes of several the one that bears its name, else the first", () => {
    const folders = ["one", "app"].map((name) => join(freshFolder(), name));
    process.env["RUNTIME_DIRECTORY"] = folders.join(":");
    expect(runtimeDirectory("app")).toBe(folders[1]);
    expect(runtimeDirectory("other")).toBe(folders[0]);
  });

  it("makes its folder in $XDG_RUNTIME_DIR, closed to all others, and finds it again", () => {
    process.env["XDG_RUNTIME_DIR"] = freshFolder();
    const folder = runtimeDirectory("app");
    expect(folder).toBe(join(process.env["XDG_RUNTIME_DIR"], "app"));
    expect(modeOf(folder)).toBe(0o700);
    expect(runtimeDirectory("app")).toBe(folder);
  });

  it("is in /run for root, and else in a private folder for temporary files", () => {
    const name = `sluice-test-${process.pid}`;
    const folder = runtimeDirectory(name);
    expect(folder).toBe(isRoot ? `/run/${name}` : join(tmpdir(), `${name}-${uid}`));
    expect(modeOf(folder)).toBe(0o700);
    rmdirSync(folder);
  });

  it("ignores paths that are not absolute, as the specification of XDG_RUNTIME_DIR says", () => {
    process.env["XDG_RUNTIME_DIR"] = "here";
    const folder = runtimeDirectory(`sluice-test-${process.pid}`);
    expect(existsSync("here")).toBe(false);
    rmdirSync(folder);
  });

  it("gives a folder that it makes the mode that was asked for", () => {
    process.env["XDG_RUNTIME_DIR"] = freshFolder();
    expect(modeOf(runtimeDirectory("app", { mode: 0o750 }))).toBe(0o750);
  });

  it("tells the missing folder above it", async () => {
    process.env["XDG_RUNTIME_DIR"] = join(freshFolder(), "gone");
    const error = await failure(() => runtimeDirectory("app"));
    expect(error).toMatchObject({ code: "ERR_SYSTEM", errno: 2, syscall: "lstat" });
    expect(error.message).toContain("gone/app");
  });

  it.runIf(isRoot)("works for an unprivileged user, and refuses him a folder that is another's", async () => {
    const name = `sluice-test-${process.pid}`;
    const env = { TMPDIR: "/tmp", RUNTIME_DIRECTORY: undefined, XDG_RUNTIME_DIR: undefined };
    const nobody = { uid: NOBODY, gid: NOBODY, env };
    await using first = startPeer("daemon/runtime-directory", [name], nobody);
    await first.expectLine(`/tmp/${name}-${NOBODY}`);
    rmdirSync(`/tmp/${name}-${NOBODY}`);
    // Another user was there first.
    mkdirSync(`/tmp/${name}-${NOBODY}`, 0o777);
    chownSync(`/tmp/${name}-${NOBODY}`, 1234, 1234);
    await using second = startPeer("daemon/runtime-directory", [name], nobody);
    await second.expectLine("ERR_ACCESS_DENIED");
    expect(await second.nextLine()).toContain("belongs to uid 1234");
    rmdirSync(`/tmp/${name}-${NOBODY}`);
  });
});

describe("what runtimeDirectory() refuses with ERR_ACCESS_DENIED, and leaves as it is", () => {
  const refusal = async (path: string): Promise<string> => {
    process.env["RUNTIME_DIRECTORY"] = path;
    const status = lstatSync(path);
    const error = await failure(() => runtimeDirectory("app"));
    expect(error).toMatchObject({ code: "ERR_ACCESS_DENIED", address: path });
    expect(lstatSync(path)).toMatchObject({ mode: status.mode, uid: status.uid });
    return error.message;
  };

  it.each([0o770, 0o702, 0o777, 0o1777])("a folder of mode %o, which others can write to", async (mode) => {
    const folder = freshFolder();
    chmodSync(folder, mode);
    expect(await refusal(folder)).toContain(`it is open to others (mode 0${mode.toString(8)})`);
  });

  it("a symbolic link, even to a good folder", async () => {
    const link = join(freshFolder(), "link");
    symlinkSync(freshFolder(), link);
    expect(await refusal(link)).toContain("it is a symbolic link");
  });

  it("a file", async () => {
    const file = join(freshFolder(), "file");
    writeFileSync(file, "");
    expect(await refusal(file)).toContain("it is no folder");
  });

  it("a folder below one that others can write to", async () => {
    const open = freshFolder();
    chmodSync(open, 0o777);
    mkdirSync(join(open, "app"), 0o700);
    expect(await refusal(join(open, "app"))).toContain(`"${open}" is open to others`);
  });

  it("a folder in the folder for temporary files that others can look into", async () => {
    const error = startPeer(
      "daemon/runtime-directory",
      [`sluice-open-${process.pid}`],
      Object.assign({}, isRoot ? { uid: NOBODY, gid: NOBODY } : {}, {
        env: { TMPDIR: "/tmp", RUNTIME_DIRECTORY: undefined, XDG_RUNTIME_DIR: undefined },
      }),
    );
    const owner = isRoot ? NOBODY : uid;
    const folder = `/tmp/sluice-open-${process.pid}-${owner}`;
    mkdirSync(folder, 0o755);
    if (isRoot) chownSync(folder, owner, owner);
    await using peer = error;
    await peer.expectLine("ERR_ACCESS_DENIED");
    expect(await peer.nextLine()).toContain("it is open to others (mode 0755)");
    rmdirSync(folder);
  });

  it.runIf(isRoot)("a folder of another user, and one below it", async () => {
    const folder = freshFolder();
    chownSync(folder, NOBODY, NOBODY);
    expect(await refusal(folder)).toContain(`it belongs to uid ${NOBODY}`);
    mkdirSync(join(folder, "app"));
    expect(await refusal(join(folder, "app"))).toContain(`"${folder}" belongs to uid ${NOBODY}`);
  });

  it.runIf(isRoot)("a link of another user on the way, while it follows root's", async () => {
    const folder = freshFolder();
    const link = join(freshFolder(), "link");
    symlinkSync(folder, link);
    process.env["RUNTIME_DIRECTORY"] = join(link, "app");
    expect(runtimeDirectory("app")).toBe(join(link, "app"));
    lchownSync(link, NOBODY, NOBODY);
    expect(await refusal(join(link, "app"))).toContain(`"${link}" is a symbolic link`);
  });

  it.runIf(isRoot)("a link of root's in a folder that all can write to", async () => {
    const open = freshFolder();
    chmodSync(open, 0o1777);
    symlinkSync(freshFolder(), join(open, "link"));
    process.env["RUNTIME_DIRECTORY"] = join(open, "link", "app");
    const error = await failure(() => runtimeDirectory("app"));
    expect(error.message).toContain(`"${join(open, "link")}" is a symbolic link`);
  });
});

describe("the arguments of runtimeDirectory()", () => {
  it.each(["", ".", "..", "../x", "a/b", "/a", "a\0b", ".hidden", "-x", "a b", "x".repeat(65), "ä", "a:b"])(
    "refuses the name %j",
    (name) => {
      expect(() => runtimeDirectory(name)).toThrow(RangeError);
    },
  );

  it("refuses what is no name and no mode", () => {
    expect(() => runtimeDirectory(5 as unknown as string)).toThrow(TypeError);
    expect(() => runtimeDirectory("app", { mode: "0700" as unknown as number })).toThrow(TypeError);
    for (const mode of [0o777, 0o720, 0o600, 0o1700, -1, 448.5]) {
      expect(() => runtimeDirectory("app", { mode })).toThrow(/options\.mode must be 0o700 to 0o755/);
    }
  });
});
