// Ends of connections as texts, and which of them the client is.
import type { Exchange, SocketName } from './exchange.ts';

/** `127.0.0.1:80`, `[::1]:80`, `/run/socket`. */
export function nameOf({ address, port }: SocketName): string {
  if (address.startsWith('/')) return address;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** A client that a proxy before names has no port. */
export function clientOf({ clientAddress, downstream: { remote } }: Exchange): SocketName {
  return clientAddress === remote.address ? remote : { address: clientAddress, port: 0 };
}
