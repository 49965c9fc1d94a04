import { type AddressInfo, connect } from "node:net";
import { naiveAt } from "./node-net.js";
import { portOf, tellPort } from "./port.js";

export default naiveAt({
  address: () => ({ host: "127.0.0.1", port: 0 }),
  opened: (meeting, server) => {
    tellPort(meeting, (server.address() as AddressInfo).port);
  },
  connect: (meeting) => connect({ host: "127.0.0.1", port: portOf(meeting), noDelay: true }),
});
