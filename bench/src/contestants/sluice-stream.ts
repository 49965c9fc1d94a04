import { UnixSocket } from "sluice";
import type { Contestant } from "../sides/contestant.js";
import { rpc } from "./sluice-calls.js";
import { type Carrier, each, hostOf, many } from "./sluice.js";

const contestant: Contestant<Carrier> = {
  guest: "process",
  async listen({ folder, guests }) {
    return hostOf(await UnixSocket.listen(`${folder}/stream`), guests);
  },
  connect: ({ folder }) => UnixSocket.connect(`${folder}/stream`),
  styles: { each, many, rpc },
};

export default contestant;
