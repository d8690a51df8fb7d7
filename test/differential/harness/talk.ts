// A client without HTTP: sends pieces, waits for words, and says how the connection ended.
import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { hearAll } from '../../support/turns.ts';
import { waitFor } from '../../support/wait-for.ts';
import { writeTogether } from '../../support/write-together.ts';

export type Line =
  | { readonly send: string | Buffer }
  /** Waits until everything received so far matches. */
  | { readonly hear: RegExp }
  | { readonly end: true }
  /** Breaks the connection off. */
  | { readonly reset: true };

export type Talk = {
  readonly received: string;
  /** `open`: it was still open after the last line. A failed handshake is `refused`. */
  readonly ended: 'closed' | 'reset' | 'open' | 'refused';
  /** With TLS: what was agreed. */
  readonly tls?: {
    readonly version: string;
    readonly alpn: string;
    readonly subject: string;
    readonly reused: boolean;
  };
};

/** `where`: a port of 127.0.0.1, or the path of a Unix socket. After the last line the connection is expected to close, unless it `stays`. */
export async function talk(
  where: number | string,
  lines: readonly Line[],
  { tls, stays = false }: { tls?: ConnectionOptions; stays?: boolean } = {},
): Promise<Talk> {
  const place = typeof where === 'string' ? { path: where } : { port: where, host: '127.0.0.1' };
  const options = { ...place, allowHalfOpen: true };
  const socket = tls === undefined ? connect(options) : connectTls({ ...options, rejectUnauthorized: false, ...tls });
  let received = '';
  let ended: Talk['ended'] | null = null;
  let agreed: Talk['tls'];
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ended ??= error.code === 'ECONNRESET' ? 'reset' : 'closed';
  });
  socket.on('end', () => {
    ended ??= 'closed';
    socket.end();
  });
  socket.on('close', () => {
    ended ??= 'closed';
  });
  if (tls !== undefined && 'getPeerX509Certificate' in socket) {
    socket.once('secureConnect', () => {
      agreed = {
        version: socket.getProtocol() ?? '',
        alpn: String(socket.alpnProtocol || ''),
        subject: socket.getPeerX509Certificate()?.subjectAltName ?? '',
        reused: socket.isSessionReused(),
      };
    });
    await waitFor('handshake', () => agreed !== undefined || ended !== null);
    if (agreed === undefined) return { received, ended: 'refused' };
  }
  try {
    for (const line of lines) {
      if ('send' in line) writeTogether(socket, line.send);
      else if ('end' in line) socket.end();
      else if ('reset' in line) socket.resetAndDestroy();
      else
        await waitFor(`${line.hear} in ${JSON.stringify(received)}`, () => line.hear.test(received) || ended !== null);
      if (ended !== null) break;
    }
    if (!stays) await waitFor('the end of the connection', () => ended !== null);
    await hearAll();
    return { received, ended: ended ?? 'open', ...(agreed === undefined ? {} : { tls: agreed }) };
  } finally {
    socket.destroy();
  }
}
