// Says where the runtime directory of the daemon named by its argument is, or why there is none.
import { ChannelError } from "sluice";
import { runtimeDirectory } from "sluice/daemon";

try {
  console.log(runtimeDirectory(process.argv[2] ?? ""));
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  console.log(error.code);
  console.log(error.message);
}
