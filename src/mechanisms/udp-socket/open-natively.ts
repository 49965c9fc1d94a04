import { unsupported } from "../../core/errors.js";
import { type Endpoint, loadCore, type NativeCore } from "../../native/binding.js";
import {
  AF_INET6,
  EINPROGRESS,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_LOOP,
  IPV6_UNICAST_HOPS,
  IPV6_V6ONLY,
  SO_BROADCAST,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_DGRAM,
} from "../../native/constants.js";
import { familyOf, interfaceIndex, LOOPBACK, textOf, toEndpoint } from "../internet-address.js";
import { NativeUdpPort } from "./native-port.js";
import type { SocketPlan, SocketSettings } from "./options.js";
import { openError } from "./port-errors.js";

/** A socket of the native core. */
export function openNatively(plan: SocketPlan, options: SocketSettings): NativeUdpPort {
  const core = loadCore();
  const { local, remote } = plan;
  const operation = remote === undefined ? "bind" : "connect";
  const place = textOf(remote ?? local ?? { host: LOOPBACK, port: 0 });
  const family = familyOf((remote ?? local)?.host ?? LOOPBACK);
  const check = (result: number, syscall: string): void => {
    if (result < 0) throw openError(operation, result, syscall, place);
  };
  const fd = core.internetSocket(family, SOCK_DGRAM);
  try {
    check(fd, "socket");
    if (plan.reuseAddress) check(core.setOption(fd, SO_REUSEADDR, 1), "setsockopt");
    if (family === AF_INET6)
      check(core.setOptionAt(fd, IPPROTO_IPV6, IPV6_V6ONLY, plan.dualStack ? 0 : 1), "setsockopt");
    applyOptions(fd, family, options, check);
    if (local !== undefined) check(core.bindInternet(fd, toEndpoint(local, family)), "bind");
    if (remote !== undefined) check(connect(core, fd, toEndpoint(remote)), "connect");
    return new NativeUdpPort(fd, { family, plan, place });
  } catch (error) {
    if (fd >= 0) core.close(fd);
    throw error;
  }
}

/** A datagram socket connects at once: "in progress" is what the core says of a call that a signal has interrupted, and this one is done again. */
function connect(core: NativeCore, fd: number, endpoint: Endpoint): number {
  let result: number;
  do result = core.connectInternet(fd, endpoint);
  while (result === -EINPROGRESS);
  return result;
}

function applyOptions(
  fd: number,
  family: number,
  options: SocketSettings,
  check: (result: number, syscall: string) => void,
): void {
  const core = loadCore();
  const { broadcast, ttl, multicast, receiveBufferSize, sendBufferSize } = options;
  const isSix = family === AF_INET6;
  const level = isSix ? IPPROTO_IPV6 : IPPROTO_IP;
  const set = (option: number, value: number | undefined): void => {
    if (value !== undefined) check(core.setOptionAt(fd, level, option, value), "setsockopt");
  };
  if (broadcast) check(core.setOption(fd, SO_BROADCAST, 1), "setsockopt");
  set(isSix ? IPV6_UNICAST_HOPS : IP_TTL, ttl);
  set(isSix ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, multicast.ttl);
  const { loopback } = multicast;
  set(isSix ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, loopback === undefined ? undefined : Number(loopback));
  if (multicast.interface !== undefined) {
    const index = interfaceIndex("options.multicast.interface", multicast.interface);
    check(core.setMulticastInterface(fd, family, index), "setsockopt");
  }
  if (receiveBufferSize !== undefined)
    enlarge(fd, "receiveBufferSize", receiveBufferSize, SO_RCVBUF, SO_RCVBUFFORCE);
  if (sendBufferSize !== undefined) enlarge(fd, "sendBufferSize", sendBufferSize, SO_SNDBUF, SO_SNDBUFFORCE);
}

/** The kernel doubles what it is told, and cuts it at the system's limit unless this process may pass that. */
function enlarge(fd: number, name: string, size: number, option: number, forced: number): void {
  const core = loadCore();
  const half = Math.ceil(size / 2);
  core.setOption(fd, option, half);
  if (core.getOption(fd, option) < size) core.setOption(fd, forced, half);
  const got = core.getOption(fd, option);
  if (got >= size) return;
  const limit = option === SO_RCVBUF ? "net.core.rmem_max" : "net.core.wmem_max";
  throw unsupported(
    `Cannot open udp-socket: the kernel gives ${got} bytes for options.${name} ${size}; lower it, or raise ${limit} to ${half} or more`,
    { operation: "open", mechanism: "udp-socket" },
  );
}
