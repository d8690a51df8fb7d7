// Who may ask: a page of another site must not read the mesh through the user's browser (DNS rebinding, cross-site requests).
import type { IncomingMessage } from 'node:http';
import type { ErrorResponse } from './types.ts';

/** `null`: may pass. The Host must be a loopback name or address with the port we listen on, and so must an Origin. */
export function refuse(
  request: Pick<IncomingMessage, 'headers' | 'method'>,
  port: number,
): (ErrorResponse & { status: number }) | null {
  const { host = '', origin } = request.headers;
  if (!isOwn(host, port)) {
    const hint = `open http://127.0.0.1:${port}/ instead`;
    return { status: 403, error: `Host "${host.slice(0, 100)}" is not this server's`, hint };
  }
  if (origin !== undefined && !(origin.startsWith('http://') && isOwn(origin.slice('http://'.length), port))) {
    const hint = 'only pages of this server may read it';
    return { status: 403, error: `Origin "${origin.slice(0, 100)}" is not this server's`, hint };
  }
  if (request.headers['sec-fetch-site'] === 'cross-site' && request.headers['sec-fetch-mode'] !== 'navigate') {
    return {
      status: 403,
      error: 'a page of another site asked for this',
      hint: 'only pages of this server may read it',
    };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, error: `${request.method} is not allowed`, hint: 'the API is read-only: use GET' };
  }
  return null;
}

const LOOPBACK = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d{1,5}))?$/i;

/** A browser leaves out port 80. */
function isOwn(authority: string, port: number): boolean {
  const match = LOOPBACK.exec(authority);
  return match !== null && Number(match[2] ?? 80) === port;
}
