import type { MessageIssue } from "../../core/errors.js";
import { describe } from "../../codec/describe.js";
import type { StandardSchema } from "../../codec/standard-schema.js";
import { isId } from "../peer.js";

/** A certificate, by what it says. All that is named must fit, and TLS must have found the certificate good. */
export interface CertificateData {
  /** The subject's common name (CN). */
  readonly commonName?: string | undefined;
  /** One of the alternative names, with its kind as Node writes it: `"DNS:worker.example"`, `"URI:spiffe://example/worker"`, `"IP Address:10.0.0.7"`. */
  readonly subjectAltName?: string | undefined;
  /** The SHA-256 of the certificate: 32 bytes in hexadecimal with colons between them. */
  readonly fingerprint256?: string | undefined;
}

/** Who has a role. One match is enough. */
export interface RoleData {
  /** Effective user ids. */
  readonly uids?: readonly number[] | undefined;
  /** Group ids: the effective one of a process, and those of its supplementary groups. */
  readonly gids?: readonly number[] | undefined;
  /** Users of /etc/passwd. */
  readonly users?: readonly string[] | undefined;
  /** Groups of /etc/group. */
  readonly groups?: readonly string[] | undefined;
  /** Clients of TLS. */
  readonly certificates?: readonly CertificateData[] | undefined;
  /** Everybody of whom it is known who it is: by the kernel's word or by a good certificate. */
  readonly anyone?: boolean | undefined;
}

/** What roles may do, or may not. Names are whole (`"status"`), or all beneath one (`"config.*"`), or all (`"*"`). */
export interface RuleData {
  /** The roles that may. A rule has this or `deny`. */
  readonly allow?: string | readonly string[] | undefined;
  /** The roles that may not, whatever other rules allow. */
  readonly deny?: string | readonly string[] | undefined;
  /** What they may call. */
  readonly methods?: readonly string[] | undefined;
  /** What they may subscribe to. */
  readonly topics?: readonly string[] | undefined;
}

/** Who may do what, as data: it has a form in JSON. */
export interface PolicyData {
  /** Who has which role. */
  readonly roles: Readonly<Record<string, RoleData>>;
  /** What they may do. What no rule allows is denied; a denial wins over all that is allowed. */
  readonly rules: readonly RuleData[];
}

type Fields = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];
type Tell = (path: Path, message: string) => void;

const ROLE_KEYS = ["uids", "gids", "users", "groups", "certificates", "anyone"];
const RULE_KEYS = ["allow", "deny", "methods", "topics"];
const CERTIFICATE_KEYS = ["commonName", "subjectAltName", "fingerprint256"];
const ROLE_NAME = /^[\p{L}\p{N}][\p{L}\p{N}_.:-]{0,63}$/u;
const FINGERPRINT = /^[0-9a-f]{2}(?::[0-9a-f]{2}){31}$/i;

/** All that is wrong with the form of the data. */
export function issuesOf(data: unknown): MessageIssue[] {
  const issues: MessageIssue[] = [];
  const tell: Tell = (path, message) => issues.push({ path, message });
  if (!isObject(data, [], ["roles", "rules"], tell)) return issues;
  const { roles, rules } = data;
  const names = new Set<string>();
  if (isObject(roles, ["roles"], undefined, tell)) {
    for (const [name, role] of Object.entries(roles)) {
      if (!ROLE_NAME.test(name))
        tell(["roles", name], "must have a name of letters, digits and _ . : -, 64 at most");
      names.add(name);
      checkRole(role, ["roles", name], tell);
    }
  }
  each(rules, ["rules"], tell, (rule, path) => {
    checkRule(rule, path, names, tell);
  });
  if (rules === undefined) tell(["rules"], "must be an array, received undefined");
  return issues;
}

/** Whether a name of a rule stands for all beneath one. */
export function isWildcard(name: string): boolean {
  return name === "*" || name.endsWith(".*");
}

/** A place in the data, as one writes it. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

function checkRole(role: unknown, path: Path, tell: Tell): void {
  if (!isObject(role, path, ROLE_KEYS, tell)) return;
  for (const key of ["uids", "gids"])
    each(role[key], [...path, key], tell, (id, at) => {
      if (!isId(id)) tell(at, `must be an id from 0 to 4294967294, received ${describe(id)}`);
    });
  for (const key of ["users", "groups"])
    each(role[key], [...path, key], tell, (name, at) => isText(name, at, tell));
  each(role["certificates"], [...path, "certificates"], tell, (certificate, at) => {
    if (!isObject(certificate, at, CERTIFICATE_KEYS, tell)) return;
    const named = CERTIFICATE_KEYS.filter((key) => certificate[key] !== undefined);
    if (named.length === 0) tell(at, `must name one of ${CERTIFICATE_KEYS.join(", ")}`);
    for (const key of named) isText(certificate[key], [...at, key], tell);
    const { fingerprint256 } = certificate;
    if (typeof fingerprint256 === "string" && !FINGERPRINT.test(fingerprint256))
      tell([...at, "fingerprint256"], "must be 32 bytes in hexadecimal with colons between them");
  });
  const { anyone } = role;
  if (anyone !== undefined && typeof anyone !== "boolean")
    tell([...path, "anyone"], `must be a boolean, received ${describe(anyone)}`);
}

function checkRule(rule: unknown, path: Path, roles: ReadonlySet<string>, tell: Tell): void {
  if (!isObject(rule, path, RULE_KEYS, tell)) return;
  const { allow, deny, methods, topics } = rule;
  if ((allow === undefined) === (deny === undefined)) tell(path, 'must have one of "allow" and "deny"');
  if (methods === undefined && topics === undefined) tell(path, 'must have "methods" or "topics"');
  for (const key of ["allow", "deny"]) {
    const given = rule[key];
    const check = (role: unknown, at: Path): void => {
      if (isText(role, at, tell) && !roles.has(role))
        tell(at, `must be one of the roles, received ${describe(role)}`);
    };
    if (typeof given === "string") check(given, [...path, key]);
    else each(given, [...path, key], tell, check);
  }
  for (const key of ["methods", "topics"])
    each(rule[key], [...path, key], tell, (name, at) => {
      if (!isText(name, at, tell)) return;
      const stem = name === "*" ? "" : isWildcard(name) ? name.slice(0, -2) : name;
      if (stem.includes("*") || (stem === "" && name !== "*"))
        tell(at, `must be a name, all beneath one ("name.*") or all ("*"), received ${describe(name)}`);
    });
}

function isObject(
  value: unknown,
  path: Path,
  keys: readonly string[] | undefined,
  tell: Tell,
): value is Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    tell(path, `must be an object, received ${describe(value)}`);
    return false;
  }
  for (const key of Object.keys(value))
    if (keys?.includes(key) === false) tell([...path, key], `is unknown here; known are ${keys.join(", ")}`);
  return true;
}

function each(value: unknown, path: Path, tell: Tell, check: (item: unknown, at: Path) => void): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) tell(path, `must be an array, received ${describe(value)}`);
  else for (const [index, item] of (value as unknown[]).entries()) check(item, [...path, index]);
}

function isText(value: unknown, path: Path, tell: Tell): value is string {
  if (typeof value === "string" && value !== "") return true;
  tell(path, `must be a text that is not empty, received ${describe(value)}`);
  return false;
}

/**
 * Checks the form of a policy: for `json(policySchema)`, or wherever a Standard Schema is taken. Whether the users and groups exist only {@link policy} finds out.
 *
 * @example
 * ```ts run
 * import { policySchema } from "sluice/daemon";
 *
 * const verdict = await policySchema["~standard"].validate({ roles: {}, rules: [{ alow: "admin" }] });
 * console.log(verdict.issues?.map(({ path, message }) => `${path?.join(".")}: ${message}`));
 * ```
 */
export const policySchema: StandardSchema<PolicyData> = {
  "~standard": {
    version: 1,
    vendor: "sluice",
    validate: (value) => {
      const issues = issuesOf(value);
      return issues.length > 0 ? { issues } : { value: value as PolicyData };
    },
  },
};
