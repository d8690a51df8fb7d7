// Parts of an exchange as the messages a processor is sent.
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import type { Side } from './answers.ts';
import type { ProcessingInit } from './session.ts';

export function headMessage(
  side: Side,
  head: RequestHead | ResponseHead,
  last: boolean,
  shows: (name: string) => boolean,
): ProcessingInit {
  const shown = pseudoHeaders(head).filter(([name]) => shows(name));
  const value = { headers: { headers: [...shown.map(headerOf), ...list(head.headers, shows)] }, endOfStream: last };
  return side === 'request' ? { case: 'requestHeaders', value } : { case: 'responseHeaders', value };
}

export function bodyMessage(side: Side, body: Buffer, last: boolean): ProcessingInit {
  const value = { body, endOfStream: last };
  return side === 'request' ? { case: 'requestBody', value } : { case: 'responseBody', value };
}

export function trailersMessage(
  side: Side,
  trailers: HeaderMap | null,
  shows: (name: string) => boolean,
): ProcessingInit {
  const value = { trailers: { headers: trailers === null ? [] : list(trailers, shows) } };
  return side === 'request' ? { case: 'requestTrailers', value } : { case: 'responseTrailers', value };
}

function pseudoHeaders(head: RequestHead | ResponseHead): [string, string][] {
  if ('status' in head) return [[':status', String(head.status)]];
  return [
    [':authority', head.authority],
    [':path', head.path],
    [':method', head.method],
    [':scheme', head.scheme],
  ];
}

function list(headers: HeaderMap, shows: (name: string) => boolean) {
  return [...headers].filter(([name]) => shows(name)).map(headerOf);
}

function headerOf([key, value]: readonly [string, string]) {
  return { key, rawValue: Buffer.from(value, 'latin1') };
}
