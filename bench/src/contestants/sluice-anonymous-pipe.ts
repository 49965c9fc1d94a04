import { AnonymousPipe } from "sluice";
import type { Contestant } from "../sides/contestant.js";
import { type Carrier, each, many } from "./sluice.js";

/** In the host: the channels to the guests, in the order in which they were started. */
const links: Carrier[] = [];

const contestant: Contestant<Carrier> = {
  guest: "spawned",
  spawn(command, args, stdio) {
    const { child, channel } = AnonymousPipe.spawn(command, args, { stdio });
    links.push(channel);
    return child;
  },
  listen: () => Promise.resolve({ accept: () => Promise.resolve(links) }),
  connect: () => Promise.resolve(AnonymousPipe.inherit()),
  styles: { each, many },
};

export default contestant;
