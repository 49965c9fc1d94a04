import { TcpSocket } from "sluice";
import type { Contestant } from "../sides/contestant.js";
import { portOf, tellPort } from "./port.js";
import { type Carrier, each, hostOf, many } from "./sluice.js";

const contestant: Contestant<Carrier> = {
  guest: "process",
  async listen(meeting) {
    const listener = await TcpSocket.listen({ port: 0 });
    tellPort(meeting, listener.address.port);
    return hostOf(listener, meeting.guests);
  },
  connect: (meeting) => TcpSocket.connect({ port: portOf(meeting) }),
  styles: { each, many },
};

export default contestant;
