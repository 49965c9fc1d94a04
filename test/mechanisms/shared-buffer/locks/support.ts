import { SharedBuffer } from "sluice";
import { type Peer, startPeer } from "../../../support/child.js";

let number = 0;

/** Memory with a name of its own. */
export function newMemory(size = 4096): SharedBuffer & { readonly name: string } {
  const name = `/sluice-locks-${process.pid}-${++number}`;
  return SharedBuffer.create({ name, size }) as SharedBuffer & { readonly name: string };
}

/** Another process that takes locks as it is told. */
export async function startHolder(memory: SharedBuffer, thread = false): Promise<Peer> {
  const peer = startPeer("shared-buffer/lock-holder", [memory.name ?? "", ...(thread ? ["thread"] : [])]);
  await peer.expectLine("ready");
  return peer;
}

/** Tells a peer to do something, and expects an answer. */
export async function ask(peer: Peer, line: string, answer: string): Promise<void> {
  await peer.write(line);
  await peer.expectLine(answer);
}

/** Whether a promise is settled after the turns of the event loop that are under way. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  return settled;
}
