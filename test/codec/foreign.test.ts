import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { contentLength, json, lengthPrefixed, nul } from "../../src/codec/index.js";
import { cut, decodeAll, encodeAll } from "./stream.js";

const python = (program: string, input: Uint8Array): Buffer =>
  execFileSync("python3", ["-c", program], { input, timeout: 10_000 });

const jobs = [{ id: 1, name: "\u20ac uro" }, { id: 2, name: "line\nbreak" }, [], "text", null];
const payloads = jobs.map((job) => json().encode(job));

describe("Python", () => {
  it.each([
    ["<I", lengthPrefixed()],
    [">I", lengthPrefixed({ byteOrder: "big" })],
    ["<H", lengthPrefixed({ bytes: 2 })],
    [">H", lengthPrefixed({ bytes: 2, byteOrder: "big" })],
  ])("speaks lengthPrefixed() with struct's %s, in both directions", (format, framing) => {
    const program = `
import json, struct, sys
stream = sys.stdin.buffer
size = struct.calcsize("${format}")
while head := stream.read(size):
    job = json.loads(stream.read(struct.unpack("${format}", head)[0]))
    payload = json.dumps([job], ensure_ascii=False).encode()
    sys.stdout.buffer.write(struct.pack("${format}", len(payload)) + payload)
`;
    const { messages, error } = decodeAll(
      framing,
      cut(python(program, encodeAll(framing, payloads)), [1, 5, 9, 23]),
      1000,
    );
    expect(error).toBeUndefined();
    expect(messages.map((message) => json().decode(message))).toEqual(jobs.map((job) => [job]));
  });

  it("speaks contentLength() with its own parser of message headers, in both directions", () => {
    const program = `
import email.parser, json, sys
stream = sys.stdin.buffer
while line := stream.readline():
    head = line
    while (line := stream.readline()) != b"\\r\\n":
        head += line
    fields = email.parser.BytesHeaderParser().parsebytes(head)
    job = json.loads(stream.read(int(fields["content-length"])))
    payload = json.dumps([job], ensure_ascii=False).encode()
    head = f"Content-Type: application/vscode-jsonrpc; charset=utf-8\\r\\nContent-Length: {len(payload)}\\r\\n\\r\\n"
    sys.stdout.buffer.write(head.encode() + payload)
`;
    const framing = contentLength();
    const { messages, error } = decodeAll(
      framing,
      cut(python(program, encodeAll(framing, payloads)), [1, 70, 85]),
      1000,
    );
    expect(error).toBeUndefined();
    expect(messages.map((message) => json().decode(message))).toEqual(jobs.map((job) => [job]));
  });
});

describe("nul()", () => {
  it("is understood by xargs -0", () => {
    const names = ["a b", "c\nd", "'e'"].map((name) => Buffer.from(name));
    const output = execFileSync("xargs", ["-0", "-n1", "printf", "%s\\0"], {
      input: encodeAll(nul(), names),
      timeout: 10_000,
    });
    expect(decodeAll(nul(), [output], 100).messages).toEqual(names);
  });
});
