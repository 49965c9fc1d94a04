import { expect, test } from "vitest";
import {
  EAGAIN,
  EINVAL,
  HANDLES_LOST,
  HANDLES_MESSAGE_TRUNCATED,
  SO_PASSCRED,
  SOCK_STREAM,
  SOCK_SEQPACKET,
} from "../../src/native/binding.js";
import { bytes, core, Descriptors } from "./kernel.js";
import { openDescriptors } from "../support/open-descriptors.js";

test("descriptors travel with a message and are close-on-exec on arrival", () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_STREAM);
  const memory = fds.keep(core.createMemory(4096, "travels"));
  const [reader, writer] = fds.pipe();
  expect(core.sendHandles(left, bytes("fds"), Int32Array.of(memory, writer))).toBe(3);
  const buffer = new Uint8Array(16);
  const out = new Int32Array(4);
  const info = new Int32Array(3);
  expect(core.receiveHandles(right, buffer, out, info)).toBe(3);
  expect([...info]).toEqual([3, 2, 0]);
  expect(core.getSeals(fds.keep(out[0]!))).toBe(core.getSeals(memory));
  expect(core.isCloseOnExec(fds.keep(out[1]!))).toBe(1);
  core.write(out[1]!, bytes("x"), 0, 1);
  expect(core.read(reader, buffer, 0, 16)).toBe(1);
  expect(core.receiveHandles(right, buffer, out, info)).toBe(-EAGAIN);
  fds.close(left);
  expect(core.receiveHandles(right, buffer, out, info)).toBe(0);
});

test("253 descriptors fit into one message, and when some do not fit all are closed and it says so", () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_SEQPACKET);
  core.setOption(right, SO_PASSCRED, 1);
  const buffer = new Uint8Array(2);
  const info = new Int32Array(3);
  const before = openDescriptors();
  expect(core.sendHandles(left, bytes("all"), new Int32Array(253).fill(1))).toBe(3);
  expect(core.sendHandles(left, bytes("x"), new Int32Array(254).fill(1))).toBe(-EINVAL);
  expect(core.sendHandles(left, bytes("x"), new Int32Array(0))).toBe(-EINVAL);
  expect(core.sendHandles(left, bytes(""), Int32Array.of(1))).toBe(-EINVAL);
  const out = new Int32Array(253);
  expect(core.receiveHandles(right, buffer, out, info)).toBe(2);
  expect([...info]).toEqual([2, 253, HANDLES_MESSAGE_TRUNCATED]);
  expect(openDescriptors()).toBe(before + 253);
  for (const fd of out) core.close(fd);

  core.sendHandles(left, bytes("x"), new Int32Array(5).fill(1));
  expect(core.receiveHandles(right, buffer, new Int32Array(4), info)).toBe(1);
  expect([...info]).toEqual([1, 0, HANDLES_LOST]);
  expect(openDescriptors()).toBe(before);
});
