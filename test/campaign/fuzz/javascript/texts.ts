// URLs, addresses, policies, the environment, and arguments for other programs.
import { ChannelError } from "../../../../src/index.js";
import { policy, type PolicyData } from "../../../../src/daemon/index.js";
import { bubblewrapArguments } from "../../../../src/daemon/sandbox/bubblewrap.js";
import { inheritedSockets } from "../../../../src/daemon/systemd/inherited-sockets.js";
import { encodeNotification } from "../../../../src/daemon/systemd/notification.js";
import { completeOptions } from "../../../../src/door/parameters.js";
import { parseUrl } from "../../../../src/door/parse-url.js";
import { parseSocketAddress } from "../../../../src/mechanisms/socket-address.js";
import { allow, Choices, require, type Target } from "./target.js";

const urls: Target = {
  name: "URLs and addresses",
  seeds: [
    "unix:/run/app.sock?mode=0600",
    "unix-dgram:@name",
    "fifo:/run/x",
    "shm:@n?capacity=65536",
    "mq:/jobs?maxMessages=5",
    "sysv:0x1234?projectId=3",
    "tcp://127.0.0.1:80",
    "tls://[::1]:443?x=y",
    "udp://example.org:53",
    "unix-seqpacket:///a%20b",
  ],
  words: [
    "%00",
    "%2F",
    "%",
    "//",
    "@",
    "?",
    "&",
    "=",
    "#",
    "[::",
    "]",
    ":99999",
    "user:pw@",
    "mode=",
    "0600",
    "true",
    "true&",
    "\0",
    "x".repeat(110),
    "\u00e9",
  ],
  run(input) {
    const url = input.toString("utf8");
    const target = allow([TypeError, RangeError], () => parseUrl(url));
    if (target !== undefined) {
      for (const end of ["connect", "listen"] as const)
        allow([TypeError, RangeError], () => completeOptions(target, end, {}));
      const shape = /^[a-z-]+:/i.exec(url)?.[0] ?? "";
      if (target.path.startsWith("/")) {
        const again = parseUrl(`${shape}//${target.path.split("/").map(encodeURIComponent).join("/")}`);
        require(again.path ===
          target.path, `${JSON.stringify(target.path)} becomes ${JSON.stringify(again.path)}`);
      }
    }
    const address = allow([TypeError, RangeError, ChannelError], () => parseSocketAddress(url));
    if (address !== undefined)
      require(address.name.length <= 108, `an address of ${address.name.length} bytes`);
  },
};

const policies: Target = {
  name: "policies",
  seeds: [
    '{"roles":{"owner":{"uids":[0]},"staff":{"groups":["adm"],"anyone":true}},"rules":[{"allow":["owner"],"methods":["a","b.*"]},{"deny":"staff","topics":["*"]}]}',
    '{"roles":{"c":{"certificates":[{"commonName":"x","fingerprint256":"AA"}]}},"rules":[]}',
    '{"roles":{"a":{"gids":[1],"users":["root"]}},"rules":[{"allow":"a","methods":["*"]}]}',
  ],
  words: [
    '"roles":',
    '"rules":',
    '"allow":',
    '"deny":',
    '"methods":',
    '"topics":',
    '"uids":[',
    '"anyone":true',
    '"__proto__":{}',
    '"constructor":',
    "null",
    "{}",
    "[]",
    "4294967295",
    "-1",
    '"*"',
    '"a.*.b"',
  ],
  run(input) {
    const data = allow([SyntaxError], () => JSON.parse(input.toString("utf8")) as PolicyData);
    if (data === undefined) return;
    const made = allow([TypeError, RangeError, "ERR_INVALID_MESSAGE"], () => policy(data));
    for (const name of ["a", "b.c", "*", "__proto__", "constructor"]) {
      // Of whom nothing is known may nothing.
      const decision = made?.explain(undefined, name);
      require(decision === undefined || !decision.allowed, `nobody may call ${name}`);
    }
  },
};

const environment: Target = {
  name: "environment and notifications",
  seeds: ["\x01\x02" + "16" + "\x01" + "0" + "\0", "\0\x02-1\x03a:b", "READY=1\nSTATUS=x"],
  words: ["9".repeat(30), ":", "::", "-1", "0x1", " 1", "1e3", "\n", "=", "READY", "2147483647"],
  run(input) {
    const choices = new Choices(input);
    process.env["LISTEN_PID"] =
      choices.below(2) === 0 ? String(process.pid) : choices.text().replaceAll("\0", "");
    process.env["LISTEN_FDS"] = choices.text(8).replaceAll("\0", "");
    if (choices.below(2) === 0) process.env["LISTEN_FDNAMES"] = choices.text().replaceAll("\0", "");
    allow([TypeError, "ERR_SYSTEM"], () => inheritedSockets());
    for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"])
      require(!(name in process.env), `${name} is still set`);
    const fields = { [choices.text(8)]: choices.text(), STATUS: choices.text() };
    const lines = allow([TypeError], () => encodeNotification(fields))?.split("\n");
    if (lines === undefined) return;
    const back = lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
    require(JSON.stringify(back) ===
      JSON.stringify(Object.entries(fields)), `${JSON.stringify(fields)} is told as ${lines.join("|")}`);
  },
};

const sandboxes: Target = {
  name: "arguments of the sandbox",
  seeds: ["\x05--bindx/usr/bin/x", "\x02--\x03--x"],
  words: ["--", "--bind", "/", "..", "--cap-add", "ALL", "\0"],
  run(input) {
    const choices = new Choices(input);
    const texts = (): string[] => Array.from({ length: choices.below(4) }, () => choices.text(12));
    const limits = { processes: 5, memory: 1e8, temporary: 1e6, files: 20, cpu: Infinity };
    const args = texts();
    const command = `/opt/${choices.text(12)}`;
    const [readOnly, writable, values] = [texts(), texts(), texts()];
    const plan = (own: readonly string[]): Parameters<typeof bubblewrapArguments>[0] => ({
      command,
      args,
      readOnly: own.length > 0 ? readOnly : [],
      writable: own.length > 0 ? writable : [],
      env: Object.fromEntries((own.length > 0 ? values : []).map((value, index) => [`V${index}`, value])),
      limits,
      bwrap: "/usr/bin/bwrap",
      prlimit: "/usr/bin/prlimit",
    });
    const found = bubblewrapArguments(plan(["all"]), 5, 6);
    require(JSON.stringify(found.slice(found.length - args.length - 1)) ===
      JSON.stringify([command, ...args]), "the command is another one");
    // What a caller gives stands only as the operand of an option of ours: three words for each, in the place where they belong.
    const bare = bubblewrapArguments(plan([]), 5, 6);
    require(found.length ===
      bare.length + 3 * (readOnly.length + writable.length + values.length), "there are other options");
    for (const value of values)
      require(found[found.indexOf("--setenv") + 2] === values[0] &&
        typeof value === "string", "an operand stands elsewhere");
  },
};

export const textTargets: readonly Target[] = [urls, policies, environment, sandboxes];
