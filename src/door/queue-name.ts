import { describe } from "../core/wait.js";
import type { MessageQueueIdentity } from "../mechanisms/message-queue/options.js";
import type { Target } from "./parse-url.js";

/** A queue as `MessageQueue.open` takes it. */
export interface QueueName {
  readonly name: string | number;
  readonly identity: MessageQueueIdentity;
}

/**
 * The queue that a URL means. For System V, digits are a key (`0x` before hexadecimal ones, as ipcs(1) shows them) and all else is a path.
 *
 * @throws TypeError for what may be meant as either
 */
export function queueName({ scheme, path, parameters }: Target): QueueName {
  if (scheme === "mq") return { name: path, identity: { kind: "posix" } };
  // Its form was checked with all parameters.
  const projectId = parameters.has("projectId") ? Number(parameters.get("projectId")) : undefined;
  const identity = { kind: "sysv", projectId } as const;
  if (/^(0x[0-9a-f]+|0|[1-9][0-9]*)$/i.test(path)) return { name: Number(path), identity };
  if (/^\.{0,2}\//.test(path)) return { name: path, identity };
  throw new TypeError(
    `url must be sysv: and a key (0x1234 or 4660) or a path that begins with / or ./, received ${describe(`sysv:${path}`)}`,
  );
}
