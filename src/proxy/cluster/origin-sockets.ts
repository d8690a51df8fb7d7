// Sockets of connections to endpoints: from where the cluster says, with options that Node has no call for set before they connect.
import { connect, isIP, type NetConnectOpts, type OnReadOpts, Socket } from 'node:net';
import type { Origin } from '../config/origins.ts';
import { openSocket, type SocketOption } from '../system/sockets.ts';

/** Starts a connection. It never throws: a socket that cannot be made has an error. */
export type ConnectSocket = (address: string, port: number, onread?: OnReadOpts) => Socket;

/** Node reads what it is given a descriptor of at once, which fails before there is a connection. */
const notReadYet = { manualStart: true };

/** Of the endpoint's family where there is one, else the first; [] leaves it to the system. */
export function socketsFrom(origins: readonly Origin[]): ConnectSocket {
  const [first] = origins;
  if (first === undefined) return (address, port, onread) => connect(connectOptions(address, port, onread));
  return (address, port, onread) => {
    const origin = origins.find((one) => isIP(one.address?.address ?? '') === isIP(address)) ?? first;
    const options = optionsOf(origin, address);
    if (options.length > 0) return connectWith(origin, options, connectOptions(address, port, onread));
    const { address: localAddress, port: localPort } = origin.address ?? { address: undefined, port: 0 };
    return connect({
      ...connectOptions(address, port, onread),
      ...(localAddress !== undefined && { localAddress }),
      ...(localPort > 0 && { localPort }),
    });
  };
}

/** As `net.connect` takes it: an address that is a path is that of a Unix socket. */
export function socketPlace(address: string, port: number): { host: string; port: number } | { path: string } {
  return address.startsWith('/') ? { path: address } : { host: address, port };
}

function connectOptions(address: string, port: number, onread: OnReadOpts | undefined): NetConnectOpts {
  return { ...socketPlace(address, port), noDelay: true, ...(onread !== undefined && { onread }) };
}

/** Options for sockets that listen are for none of these; a Unix socket has neither address nor options of IP. */
function optionsOf({ options }: Origin, address: string): readonly SocketOption[] {
  if (address.startsWith('/')) return [];
  const family = isIP(address);
  return options
    .filter((one) => one.when !== 'listening' && (one.family === 'any' || one.family === family))
    .map(({ option }) => option);
}

function connectWith(origin: Origin, options: readonly SocketOption[], connecting: NetConnectOpts): Socket {
  try {
    const family = 'host' in connecting && isIP(connecting.host ?? '') === 6 ? 6 : 4;
    const fd = openSocket(family, options, origin.address);
    const made = { fd, ...notReadYet, ...(connecting.onread && { onread: connecting.onread }) };
    return new Socket(made).connect(connecting);
  } catch (error) {
    return new Socket().destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
