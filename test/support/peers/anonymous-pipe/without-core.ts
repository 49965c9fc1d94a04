// Runs where the native core does not load (SLUICE_NATIVE names no file) and tells what is said then.
import { AnonymousPipe, ChannelError } from "sluice";

const calls = {
  create: () => AnonymousPipe.create(),
  spawn: () => AnonymousPipe.spawn("true"),
  inherit: () => AnonymousPipe.inherit(),
  pipeline: () => AnonymousPipe.pipeline([["true"]]),
};
for (const [name, call] of Object.entries(calls)) {
  try {
    call();
    console.log(name, "worked");
  } catch (error) {
    console.log(name, error instanceof ChannelError ? error.code : error);
  }
}
