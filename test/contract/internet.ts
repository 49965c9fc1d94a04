import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { TcpSocket, UdpSocket } from "sluice";
import { acceptOne, alreadyOpen, channelOptions, type Maker } from "./maker.js";

const portFile = (directory: string): string => path.join(directory, "port");

/** A TCP connection. The first end listens at a free port and writes its number to a file; who connects reads and removes it. */
export function tcpMaker(name: string, tls?: { server: object; client: object }): Maker {
  return {
    name,
    ways: ["first-to-second", "second-to-first"],
    first: async (directory, options) => {
      const listener = await TcpSocket.listen(
        Object.assign(channelOptions(options), { port: 0, tls: tls?.server }),
      );
      writeFileSync(portFile(directory), String(listener.address.port));
      return acceptOne(listener);
    },
    second: async (directory, options) => {
      const port = Number(readFileSync(portFile(directory), "utf8"));
      rmSync(portFile(directory));
      return TcpSocket.connect(Object.assign(channelOptions(options), { port, tls: tls?.client }));
    },
    twoProcesses: true,
    receiverSeesEnd: true,
    emptyMessage: "carried",
    workers: true,
    keepsAlive: true,
    capabilities: [],
    leaves: [],
    leavesWhenKilled: ["port"],
  };
}

/** Datagrams to a bound socket, which hears from everybody and so never sees an end. */
export function udpMaker(name: string): Maker {
  return {
    name,
    ways: ["second-to-first"],
    reliable: false,
    first: async (directory, options) => {
      const channel = await UdpSocket.bind(channelOptions(options));
      writeFileSync(portFile(directory), String(channel.localAddress.port));
      return alreadyOpen(Promise.resolve(channel));
    },
    second: (directory, options) => {
      const port = Number(readFileSync(portFile(directory), "utf8"));
      rmSync(portFile(directory));
      return UdpSocket.connect(Object.assign(channelOptions(options), { port }));
    },
    twoProcesses: true,
    receiverSeesEnd: false,
    emptyMessage: "carried",
    workers: true,
    keepsAlive: true,
    capabilities: [],
    leaves: [],
    leavesWhenKilled: ["port"],
  };
}
