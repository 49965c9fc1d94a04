import { describe, expect, expectTypeOf, test } from "vitest";
import {
  type BytesChannel,
  type CallContext,
  type CallOptions,
  createClient,
  method,
  type RemoteStream,
} from "sluice/rpc";

interface Size {
  readonly width: number;
}
const schema = {
  "~standard": {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) => ({ value: Number(value) }),
    types: undefined as { input: string; output: number } | undefined,
  },
};

export const methods = {
  resize: async (size: Size, _context: CallContext) => size.width > 1,
  ping: () => "pong" as const,
  maybe: (input?: number) => input ?? 0,
  fail: (): never => {
    throw new Error();
  },
  async *tail(_file: string) {
    yield { line: 1 };
  },
  sum: async (numbers: AsyncIterable<number>) => {
    for await (const n of numbers) return n;
    return 0;
  },
  parse: method({ input: schema, output: schema }, (n) => {
    expectTypeOf(n).toEqualTypeOf<number>();
    return String(n);
  }),
  each: method({ inputItem: schema }, async (items) => {
    for await (const item of items) return item;
    return -1;
  }),
};

/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-argument, @typescript-eslint/await-thenable -- calls that do not compile have no types */

/** Compiled, and not called. */
function calls(channel: BytesChannel) {
  const client = createClient<typeof methods>(channel);
  return {
    resize: () => client.resize({ width: 1 }, { timeout: 3, signal: AbortSignal.timeout(1) }),
    ping: () => client.ping(),
    pingWith: () => client.ping(undefined, { timeout: 1 }),
    maybe: () => client.maybe(),
    fail: () => client.fail(),
    tail: () => client.tail("x"),
    parse: () => client.parse("7"),
    each: (items: AsyncIterable<string>) => client.each(items),
    notify: () => client.notify.resize({ width: 1 }),
    // @ts-expect-error -- no such method
    unknown: () => client.missing(),
    // @ts-expect-error -- nor for notifications
    unknownNotice: () => client.notify.missing(),
    // @ts-expect-error -- the input is missing
    without: () => client.resize(),
    // @ts-expect-error -- another type
    wrong: () => client.resize({ width: "1" }),
    // @ts-expect-error -- one property too many
    more: () => client.resize({ width: 1, height: 2 }),
    // @ts-expect-error -- it takes no input
    input: () => client.ping(1),
    // @ts-expect-error -- no such option
    option: () => client.ping(undefined, { retries: 3 }),
    // @ts-expect-error -- the schema takes a string
    schema: () => client.parse(7),
    // @ts-expect-error -- a stream is no promise
    awaited: async () => (await client.tail("x")).line,
    // @ts-expect-error -- a channel of other messages carries no calls
    channel: (jobs: Channel<{ job: 1 }>) => createClient<typeof methods>(jobs),
  };
}
type Calls = ReturnType<typeof calls>;
type Client = ReturnType<typeof createClient<typeof methods>>;

describe("the types of a client", () => {
  test("follow the methods", () => {
    expectTypeOf<ReturnType<Calls["resize"]>>().toEqualTypeOf<Promise<boolean>>();
    expectTypeOf<ReturnType<Calls["ping"]>>().toEqualTypeOf<Promise<"pong">>();
    expectTypeOf<ReturnType<Calls["maybe"]>>().toEqualTypeOf<Promise<number>>();
    expectTypeOf<ReturnType<Calls["fail"]>>().toEqualTypeOf<Promise<never>>();
    expectTypeOf<ReturnType<Calls["tail"]>>().toEqualTypeOf<RemoteStream<{ line: number }>>();
    expectTypeOf<ReturnType<Calls["parse"]>>().toEqualTypeOf<Promise<number>>();
    expectTypeOf<ReturnType<Calls["each"]>>().toEqualTypeOf<Promise<number>>();
    expectTypeOf<ReturnType<Calls["notify"]>>().toEqualTypeOf<Promise<void>>();
    expectTypeOf<Client["resize"]>().parameter(0).toEqualTypeOf<Size>();
    expectTypeOf<Client["resize"]>().parameter(1).toEqualTypeOf<CallOptions | undefined>();
    expect(calls).toBeTypeOf("function");
  });
});
