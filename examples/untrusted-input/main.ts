// Untrusted input, parsed where it can do no harm: by a helper in a sandbox, which has a channel to us and nothing else.
//
// Run it with `node untrusted-input/main.js`; it needs bubblewrap (package bubblewrap), prints, and leaves nothing behind.
import { readFileSync } from "node:fs";
import { type Codec, json, lines } from "sluice";
import { spawnSandboxed } from "sluice/daemon";
import { z } from "zod";

// Documents go out, and what comes back is checked: the helper is no more to be trusted than what it reads.
const documents = json<string>();
const answers = json(z.strictObject({ settings: z.record(z.string(), z.string()) }));
type Answer = ReturnType<typeof answers.decode>;
const codec: Codec<string, Answer> = {
  name: "document and answer",
  encode: (document) => documents.encode(document),
  decode: (bytes) => answers.decode(bytes),
};

async function parse(document: string): Promise<void> {
  // As an argument, so that not even the helper's own file must be in its view.
  const program = readFileSync(new URL("helper.js", import.meta.url), "utf8");
  await using helper = spawnSandboxed(process.execPath, ["--input-type=module", "-e", program], {
    over: "stdio",
    framing: lines(),
    codec,
    maxMessageSize: 64 * 1024,
    timeout: 3000,
  });
  await helper.channel.send(document);
  console.log(await helper.channel.receive());
}

const load = (module: string): string => `process.getBuiltinModule("node:${module}")`;
const tell = (work: string): string =>
  `\${(() => { try { return ${work}; } catch (error) { return error.code; } })()}`;

await parse("name = sluice\nsum = ${6 * 7}");
await parse(
  [
    `password = ${tell(`${load("fs")}.readFileSync("/etc/passwd", "utf8")`)}`,
    `program = ${tell(`${load("fs")}.readFileSync(${JSON.stringify(import.meta.filename)}, "utf8")`)}`,
    `network = \${new Promise((resolve) => ${load("net")}.connect(80, "127.0.0.1").on("error", (error) => resolve(error.code)).on("connect", resolve))}`,
    `processes = ${tell(`process.kill(${process.pid}, "SIGKILL")`)}`,
    `environment = ${tell("Object.keys(process.env).join()")}`,
  ].join("\n"),
);
await parse("forever = ${(() => { for (;;); })()}").catch((error: unknown) => {
  console.log(String(error));
});
