// msgpack() where the optional package is not installed: nothing of this name is found.
import module from "node:module";
import { ChannelError, msgpack } from "sluice";

interface Resolver {
  _resolveFilename(name: string, ...rest: unknown[]): string;
}
const resolver = module as unknown as Resolver;
const resolve = resolver._resolveFilename.bind(module);
resolver._resolveFilename = (name, ...rest) =>
  resolve(name === "@msgpack/msgpack" ? "a-package-that-nobody-has" : name, ...rest);

try {
  msgpack();
} catch (error) {
  if (error instanceof ChannelError) console.log(error.code, error.message);
}
const library = { encode: () => Buffer.of(0xc0), decode: () => "own" };
console.log(msgpack(undefined, { library }).decode(Buffer.of(0xc0)));
