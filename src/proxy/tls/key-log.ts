// Keys of TLS connections, for tools that read recorded traffic: written where that is configured, for the connections it is configured for.
import type { Socket } from 'node:net';
import type { KeyLog } from '../config/tls-types.ts';

/** `line` is in the format of NSS (SSLKEYLOGFILE), with its end; `socket` is what TLS is spoken on. */
export function writeKey({ lines, local, remote }: KeyLog, line: Buffer, socket: Socket): void {
  if (local !== null && !local(socket.localAddress ?? '')) return;
  if (remote !== null && !remote(socket.remoteAddress ?? '')) return;
  lines.write(line.toString('latin1'));
}
