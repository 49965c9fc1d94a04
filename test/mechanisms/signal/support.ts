import { readFileSync } from "node:fs";
import { Signal, type SignalName } from "sluice";

/** Which signals this process handles or ignores, by proc(5). */
export function disposition(name: SignalName): "caught" | "ignored" | "default" {
  const status = readFileSync("/proc/self/status", "utf8");
  const bit = BigInt((Signal.table[name]?.number ?? 0) - 1);
  const has = (field: string): boolean => {
    const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)`, "m").exec(status)?.[1] ?? "0";
    return ((BigInt(`0x${mask}`) >> bit) & 1n) === 1n;
  };
  return has("SigCgt") ? "caught" : has("SigIgn") ? "ignored" : "default";
}

/** What a function throws. */
export function thrownBy(action: () => unknown): Error & { readonly code?: string } {
  try {
    action();
  } catch (error) {
    return error as Error & { readonly code?: string };
  }
  throw new Error("it did not throw");
}

/** sigqueue(3), which Python has only by its C library, and the union that it takes. */
export const PYTHON_SIGQUEUE = `
import ctypes, os, resource, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
class Value(ctypes.Union):
    _fields_ = [("int", ctypes.c_int), ("pointer", ctypes.c_void_p)]
libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, Value]
def sigqueue(pid, number, value):
    if libc.sigqueue(pid, number, Value(int=value)) != 0:
        raise OSError(ctypes.get_errno(), "sigqueue")
def say(*words):
    print(*words, flush=True)
`;
