import { type Codec, json, lines } from "sluice";

/** What can be asked of the daemon. */
export interface Command {
  readonly command: "status" | "count";
}

/** What it answers. */
export interface Answer {
  readonly pid: number;
  readonly greeting: string;
  readonly counted: number;
}

/** JSON with another type of message in each direction. */
function jsonBothWays<Out, In>(): Codec<Out, In> {
  const outgoing = json<Out>();
  const incoming = json<In>();
  return {
    name: "json",
    encode: (message) => outgoing.encode(message),
    decode: (bytes) => incoming.decode(bytes),
  };
}

// A line for each message, so that a person can talk to the daemon, too: socat - UNIX-CONNECT:control.sock
export const daemonOptions = { codec: jsonBothWays<Answer, Command>(), framing: lines() };
export const clientOptions = { codec: jsonBothWays<Command, Answer>(), framing: lines(), timeout: 5000 };
