/** The options of a call that concern a packet, and that only some mechanisms know. */
export type Capability = "to" | "priority" | "type" | "handles";

export const CAPABILITIES: readonly Capability[] = ["to", "priority", "type", "handles"];
export const NO_CAPABILITIES: readonly Capability[] = [];
/** What the error says where the mechanism does not know the option. */
export const UNSUPPORTED_OPTION: Readonly<Record<Capability, string>> = {
  to: "this mechanism has no options.to",
  priority: "this mechanism has no options.priority",
  type: "this mechanism has no options.type",
  handles:
    "this mechanism has no options.handles, or was opened without options.maxHandles (Unix sockets, stream and seqpacket)",
};

/** What the error says of a call for the other direction. */
export const WRONG_DIRECTION: Readonly<Record<"send" | "receive" | "both", string>> = {
  send: "this channel only sends",
  receive: "this channel only receives",
  both: "",
};
