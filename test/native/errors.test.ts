import { expect, test } from "vitest";
import { ChannelError } from "../../src/core/errors.js";
import { fromErrno } from "../../src/native/binding.js";
import { codeOf } from "../../src/native/errors.js";
import {
  EACCES,
  EADDRINUSE,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EEXIST,
  EMSGSIZE,
  ENOENT,
  ENOSYS,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
} from "../../src/native/constants.js";

test.each([
  [EPERM, "send", "ERR_ACCESS_DENIED"],
  [EACCES, "connect", "ERR_ACCESS_DENIED"],
  [EEXIST, "create", "ERR_ADDRESS_IN_USE"],
  [EADDRINUSE, "listen", "ERR_ADDRESS_IN_USE"],
  [ENOENT, "connect", "ERR_NO_PEER"],
  [ENXIO, "openWriter", "ERR_NO_PEER"],
  [ECONNREFUSED, "connect", "ERR_NO_PEER"],
  [ENOENT, "listen", "ERR_SYSTEM"],
  [ENOENT, "create", "ERR_SYSTEM"],
  [EPIPE, "send", "ERR_PEER_DIED"],
  [ECONNRESET, "receive", "ERR_PEER_DIED"],
  [EMSGSIZE, "send", "ERR_MESSAGE_TOO_LARGE"],
  [ENOSYS, "open", "ERR_UNSUPPORTED"],
  [EOPNOTSUPP, "send", "ERR_UNSUPPORTED"],
  [EBADF, "send", "ERR_SYSTEM"],
  [4000, "send", "ERR_SYSTEM"],
])("errno %d of %s is %s", (errno, operation, code) => {
  expect(codeOf(-errno, operation)).toBe(code);
  expect(fromErrno(-errno, { operation }).code).toBe(code);
});

test("the error tells action, reason and way out, and keeps what a program may ask for", () => {
  const cause = new Error("beneath");
  const error = fromErrno(-ECONNREFUSED, {
    operation: "connect",
    mechanism: "unix-stream",
    address: { path: "/run/a.sock" } as never,
    syscall: "connect",
    action: 'connect to unix socket "/run/a.sock"',
    hint: "start the server first",
    cause,
  });
  expect(error).toBeInstanceOf(ChannelError);
  expect(error.message).toBe(
    'Cannot connect to unix socket "/run/a.sock": connection refused (ECONNREFUSED); start the server first',
  );
  expect(error).toMatchObject({
    code: "ERR_NO_PEER",
    operation: "connect",
    mechanism: "unix-stream",
    syscall: "connect",
    errno: 111,
    cause,
  });
});

test("the caller's code and text win over what the errno says", () => {
  const error = fromErrno(-ENOENT, { operation: "send", code: "ERR_PEER_DIED", message: "Gone." });
  expect([error.code, error.message, error.errno]).toEqual(["ERR_PEER_DIED", "Gone.", ENOENT]);
});

test("an errno that nobody knows is told by its number", () => {
  expect(fromErrno(-4000, { operation: "send" }).message).toBe(
    "Cannot send: unknown system error (errno 4000)",
  );
});
