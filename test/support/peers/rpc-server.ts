// Serves a method that never answers, until it is killed.
import { UnixSocket } from "sluice";
import { serve } from "sluice/rpc";

const methods = {
  forever() {
    console.log("called");
    return new Promise<void>(() => undefined);
  },
};

serve(await UnixSocket.listen(process.argv[2] ?? ""), methods);
console.log("ready");
