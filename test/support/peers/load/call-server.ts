// Serves the calls of many clients, and keeps a ledger of them: `call-server PATH CLIENTS CALLS`.
import { ChannelError, UnixSocket } from "sluice";
import { serve } from "sluice/rpc";
import { settledDescriptors } from "../../settled-descriptors.js";
import { answerCommands, liveBytes } from "./commands.js";
import { type CallCounts, loadMethods } from "./methods.js";

const [path = "", clients = "", calls = ""] = process.argv.slice(2);
const ledger = new Uint8Array(Number(clients) * Number(calls));
const counts: CallCounts = { began: 0, ended: 0, aborted: 0 };
const GONE: readonly string[] = ["ERR_PEER_DIED", "ERR_MESSAGE_TRUNCATED"];
const hooks = { began: 0, ended: 0 };
const methods = loadMethods(counts, (_channel, id) => {
  ledger[id]!++;
  return id;
});
const server = serve(await UnixSocket.listen(path), methods, {
  onCall: () => {
    hooks.began++;
    let told = false;
    return () => {
      if (told) throw new Error("the end of a call was told twice");
      told = true;
      hooks.ended++;
    };
  },
  onError: (error) => {
    // A client that vanishes; nothing else may be wrong.
    if (!(error instanceof ChannelError && GONE.includes(error.code))) throw error;
  },
});

await answerCommands({
  /** How it stands with the calls that have come. */
  state: () => ({ counts, hooks, peers: server.peers }),
  ledger: () => Buffer.from(ledger).toString("base64"),
  forget: () => ledger.fill(0).length,
  measure: async () => ({ live: liveBytes(), descriptors: await settledDescriptors() }),
});
