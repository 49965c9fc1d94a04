import { UnixSocket } from "sluice";
import { type Answer, clientOptions, type Command } from "./protocol.js";

/** Asks the daemon one question. */
export async function ask(path: string, command: Command["command"]): Promise<Answer> {
  const daemon = await UnixSocket.connect(path, clientOptions);
  try {
    await daemon.send({ command });
    return await daemon.receive({ timeout: 5000 });
  } finally {
    await daemon.close();
  }
}
