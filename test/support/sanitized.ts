// What a sanitizer (scripts/test-sanitized.mjs) does to the bounds of tests.

const isSanitized = (name: "ASAN_OPTIONS" | "TSAN_OPTIONS"): boolean => process.env[name] !== undefined;

/**
 * How many times as much memory a process may hold. Under AddressSanitizer twice: its allocator puts gaps around each block and keeps what was freed for a while, and its
 * own tables count, too. What is lost for good it tells by itself.
 */
export const memoryFactor: 1 | 2 = isSanitized("ASAN_OPTIONS") ? 2 : 1;

/** How many times as long a test waits for another process, which takes seconds to start and to end under a sanitizer. */
export const slowness: 1 | 4 = isSanitized("ASAN_OPTIONS") || isSanitized("TSAN_OPTIONS") ? 4 : 1;
