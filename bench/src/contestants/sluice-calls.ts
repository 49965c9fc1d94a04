// sluice/rpc over a channel. The mechanisms' own files say how it is opened.
import { createClient, serve } from "sluice/rpc";
import { methods } from "../sides/calls.js";
import type { Style } from "../sides/contestant.js";
import type { Carrier } from "./sluice.js";

export const rpc: Style<Carrier> = {
  serve: (channel) => serve(channel, methods).closed,
  async call(channel, calls) {
    const client = createClient<typeof methods>(channel);
    await calls.run((input) => client.add(input));
  },
};
