// Checks that a build of the native core loads on every libc: no library needed, no symbol version asked for, and no undefined symbol that is not
// known to have one and the same ABI in all versions of glibc and in musl. Without versions the dynamic linker binds to the *oldest* version of a name, so
// names that changed (pthread_cond_*, fstat, realpath, posix_spawn, timer_*, …) would crash where the new headers met the old function.
//
//   node scripts/symbol-gate.mjs FILE...     exits 1 and tells why, when one does not pass

import { readFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";

// To add a name: see that glibc has a single version of it (`readelf --dyn-syms libc.so.6`), that musl has it, and that their structs agree.
const allowed = new Set(
  `__errno_location __libc_current_sigrtmax __libc_current_sigrtmin
   accept4 bind connect getpeername getsockname getsockopt listen recv recvmmsg recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socket socketpair
   close fcntl ioctl open pipe2 poll read unlink write writev chmod fchmod flock ftruncate epoll_create1 epoll_ctl epoll_wait eventfd inotify_add_watch inotify_init1 inotify_rm_watch
   mmap munmap sysconf syscall
   pthread_attr_init pthread_attr_setstacksize pthread_create pthread_detach pthread_join
   geteuid getpid getuid kill sched_yield sigaction
   calloc free malloc realloc memchr memcmp memcpy memmove memset strchr strcmp strlen`.split(/\s+/),
);
// Of libuv only what every runtime has: Deno refuses a file that asks for more, and Bun, which has the names, aborts when one is called.
const libuv = new Set("uv_close uv_poll_init uv_poll_start uv_poll_stop uv_ref uv_unref".split(" "));
const runtimes = /^napi_[a-z0-9_]+$/;
const exported = new Set(["napi_register_module_v1", "node_api_module_get_api_version_v1"]);

const SHT_DYNAMIC = 6;
const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const DT_NEEDED = 1;
const STB_WEAK = 2;

/**
 * What is wrong with an ELF shared object, a sentence each; none: it may be shipped.
 *
 * @param {string} path
 * @returns {string[]}
 */
export function checkSymbols(path) {
  const file = readFileSync(path);
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) return ["it is not an ELF file"];
  if (file[4] !== 2 || file[5] !== 1) return ["it is not a 64-bit little-endian ELF file"];
  const sections = readSections(file);
  /** @type {string[]} */
  const problems = [];
  for (const section of sections) {
    const strings = sections[section.link];
    if (section.type === SHT_DYNAMIC) {
      for (const entry of entries(section, 16)) {
        if (file.readBigInt64LE(entry) !== BigInt(DT_NEEDED)) continue;
        problems.push(`it needs ${text(file, strings, Number(file.readBigUInt64LE(entry + 8)))}`);
      }
    } else if (section.type === SHT_GNU_VERNEED) {
      problems.push(...versions(file, section, strings));
    } else if (section.type === SHT_DYNSYM) {
      problems.push(...symbols(file, section, strings));
    }
  }
  if (!sections.some((section) => section.type === SHT_DYNSYM)) problems.push("it has no dynamic symbols");
  return problems;
}

/**
 * The symbols that an ELF shared object expects of the process that loads it.
 *
 * @param {string} path
 * @returns {string[]}
 */
export function undefinedSymbols(path) {
  const file = readFileSync(path);
  const sections = readSections(file);
  return sections
    .filter((section) => section.type === SHT_DYNSYM)
    .flatMap((section) =>
      [...entries(section, 24)]
        .filter((at) => file.readUInt16LE(at + 6) === 0)
        .map((at) => text(file, sections[section.link], file.readUInt32LE(at))),
    )
    .filter((name) => name !== "");
}

/** @typedef {{ type: number, offset: number, size: number, link: number, info: number }} Section */

/**
 * @param {Buffer} file
 * @returns {Section[]}
 */
function readSections(file) {
  const start = Number(file.readBigUInt64LE(40));
  const size = file.readUInt16LE(58);
  return Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
      info: file.readUInt32LE(at + 44),
    };
  });
}

/**
 * @param {Section} section
 * @param {number} size
 */
function* entries(section, size) {
  for (let at = section.offset; at < section.offset + section.size; at += size) yield at;
}

/**
 * @param {Buffer} file
 * @param {Section | undefined} strings
 * @param {number} index
 */
function text(file, strings, index) {
  if (strings === undefined) return "?";
  const start = strings.offset + index;
  return file.toString("latin1", start, file.indexOf(0, start));
}

/**
 * @param {Buffer} file
 * @param {Section} section
 * @param {Section | undefined} strings
 * @returns {string[]}
 */
function versions(file, section, strings) {
  /** @type {string[]} */
  const problems = [];
  let at = section.offset;
  for (let i = 0; i < section.info; i++) {
    const library = text(file, strings, file.readUInt32LE(at + 4));
    let name = at + file.readUInt32LE(at + 8);
    for (let j = 0; j < file.readUInt16LE(at + 2); j++) {
      problems.push(`it asks for version ${text(file, strings, file.readUInt32LE(name + 8))} of ${library}`);
      name += file.readUInt32LE(name + 12);
    }
    at += file.readUInt32LE(at + 12);
  }
  return problems;
}

/**
 * @param {Buffer} file
 * @param {Section} section
 * @param {Section | undefined} strings
 * @returns {string[]}
 */
function symbols(file, section, strings) {
  /** @type {string[]} */
  const problems = [];
  for (const at of entries(section, 24)) {
    const name = text(file, strings, file.readUInt32LE(at));
    if (name === "") continue;
    const isDefined = file.readUInt16LE(at + 6) !== 0;
    if (isDefined && !exported.has(name)) problems.push(`it exports ${name}`);
    if (isDefined || allowed.has(name) || libuv.has(name) || runtimes.test(name)) continue;
    const weak = file.readUInt8(at + 4) >> 4 === STB_WEAK ? " weakly" : "";
    problems.push(`it uses${weak} ${name}, which is not on the list in scripts/symbol-gate.mjs`);
  }
  return problems;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const path of process.argv.slice(2)) {
    const problems = checkSymbols(path);
    for (const problem of problems) console.error(`symbol-gate: ${path}: ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
    else console.log(`symbol-gate: ${path}: fine`);
  }
}
