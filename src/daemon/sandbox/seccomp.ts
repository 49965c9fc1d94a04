import { unsupported } from "../../core/errors.js";

/**
 * System calls that a helper which reads from one end of a pipe and writes to another has no use for, by their numbers on x86_64 and aarch64: sockets; looking into other
 * processes; mounts and namespaces; the parts of the kernel where most of its holes are found; memory that no limit counts.
 */
export const DENIED_CALLS: Readonly<Record<string, readonly [x64: number, arm64: number]>> = {
  ...{ socket: [41, 198], socketpair: [53, 199], connect: [42, 203], bind: [49, 200], listen: [50, 201] },
  ...{ accept: [43, 202], accept4: [288, 242] },
  ...{ ptrace: [101, 117], process_vm_readv: [310, 270], process_vm_writev: [311, 271], kcmp: [312, 272] },
  ...{ pidfd_getfd: [438, 438], perf_event_open: [298, 241] },
  ...{
    mount: [165, 40],
    umount2: [166, 39],
    pivot_root: [155, 41],
    chroot: [161, 51],
    move_mount: [429, 429],
  },
  ...{
    open_tree: [428, 428],
    fsopen: [430, 430],
    fsconfig: [431, 431],
    fsmount: [432, 432],
    fspick: [433, 433],
  },
  ...{ mount_setattr: [442, 442], open_by_handle_at: [304, 265], setns: [308, 268], unshare: [272, 97] },
  ...{
    bpf: [321, 280],
    keyctl: [250, 219],
    add_key: [248, 217],
    request_key: [249, 218],
    userfaultfd: [323, 282],
  },
  ...{ io_uring_setup: [425, 425], io_uring_enter: [426, 426], io_uring_register: [427, 427] },
  ...{ init_module: [175, 105], finit_module: [313, 273], delete_module: [176, 106], kexec_load: [246, 104] },
  ...{
    kexec_file_load: [320, 294],
    swapon: [167, 224],
    swapoff: [168, 225],
    reboot: [169, 142],
    acct: [163, 89],
  },
  ...{ quotactl: [179, 60], syslog: [103, 116], fanotify_init: [300, 262], personality: [135, 92] },
  ...{
    memfd_create: [319, 279],
    memfd_secret: [447, 447],
    shmget: [29, 194],
    semget: [64, 190],
    msgget: [68, 186],
  },
  ...{ mq_open: [240, 180] },
};

// seccomp(2): AUDIT_ARCH_*, and the numbers of clone and clone3.
const MACHINES: Readonly<
  Record<string, readonly [index: 0 | 1, arch: number, clone: number, clone3: number]>
> = {
  x64: [0, 0xc000003e, 56, 435],
  arm64: [1, 0xc00000b7, 220, 435],
};
const X32_CALLS = 0x4000_0000;
/** CLONE_NEWCGROUP, NEWIPC, NEWNET, NEWNS, NEWPID, NEWUSER and NEWUTS. */
const NAMESPACES = 0x7e02_0000;

const LOAD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_GREATER_OR_EQUAL = 0x35;
const JUMP_IF_SET = 0x45;
const RETURN = 0x06;
// Offsets in struct seccomp_data; of the first argument the lower half.
const NUMBER = 0;
const ARCHITECTURE = 4;
const FIRST_ARGUMENT = 16;

const KILL_PROCESS = 0x8000_0000;
const ALLOW = 0x7fff_0000;
const FAIL = 0x0005_0000;
const EPERM = 1;
const ENOSYS = 38;

/**
 * The filter as `bwrap --seccomp` takes it: a struct sock_filter for each instruction. Denied calls fail with EPERM; clone3, whose flags a filter cannot see, with
 * ENOSYS, upon which C libraries take clone. A call by another architecture's numbers ends the process.
 */
export function seccompProgram(arch: string = process.arch): Uint8Array {
  const machine = MACHINES[arch];
  if (machine === undefined) {
    const text = `Cannot start a sandbox on ${arch}: the numbers of its system calls are known for x64 and arm64 only`;
    throw unsupported(text, { operation: "spawn" });
  }
  const [index, auditArch, clone, clone3] = machine;
  const denied = Object.values(DENIED_CALLS).map((numbers) => numbers[index]);
  const words: number[] = [];
  const emit = (code: number, k: number, ifTrue = 0, ifFalse = 0): void => {
    words.push(code | (ifTrue << 16) | (ifFalse << 24), k);
  };
  // An `if` of one return: the condition jumps over it, or not.
  const answerIf = (jump: number, k: number, answer: number): void => {
    emit(jump, k, 0, 1);
    emit(RETURN, answer);
  };
  emit(LOAD, ARCHITECTURE);
  emit(JUMP_IF_EQUAL, auditArch, 1, 0);
  emit(RETURN, KILL_PROCESS);
  emit(LOAD, NUMBER);
  if (arch === "x64") answerIf(JUMP_IF_GREATER_OR_EQUAL, X32_CALLS, KILL_PROCESS);
  answerIf(JUMP_IF_EQUAL, clone3, FAIL | ENOSYS);
  for (const number of denied) answerIf(JUMP_IF_EQUAL, number, FAIL | EPERM);
  emit(JUMP_IF_EQUAL, clone, 1, 0);
  emit(RETURN, ALLOW);
  emit(LOAD, FIRST_ARGUMENT);
  answerIf(JUMP_IF_SET, NAMESPACES, FAIL | EPERM);
  emit(RETURN, ALLOW);
  return new Uint8Array(Uint32Array.from(words, (word) => word >>> 0).buffer);
}
