// `request.*` and `response.*`. Where nothing speaks HTTP there are no headers.
import type { Exchange } from '../http/exchange.ts';
import { numberedFlags } from '../http/flags.ts';
import { statusOf } from '../http/grpc-status.ts';
import type { HeaderMap } from '../http/headers.ts';
import { fieldBytes, requestBytes, responseBytes } from '../http/wire-bytes.ts';
import { requestLookup } from '../route/match/header-matcher.ts';
import { cel } from './library.ts';
import { type Attribute, duration, filled, type Members, type Seen, timestamp, View } from './seen.ts';

export const requestAttributes: Members<Seen> = {
  headers: ({ exchange }) => cel().celMap(requestHeaders(exchange)),
  headers_bytes: ({ exchange }) => BigInt(headBytes(exchange)),
  time: ({ exchange }) => timestamp(exchange.startedAt),
  size: ({ exchange }) => requestSize(exchange),
  total_size: ({ exchange }) => BigInt(exchange.requestBytes + headBytes(exchange)),
  duration: ({ exchange }) =>
    exchange.requestEnded === 0 ? undefined : duration(exchange.requestEnded - exchange.started),
  protocol: ({ exchange }) => filled(exchange.request.protocol),
  path: ({ exchange }) => filled(exchange.request.path),
  url_path: ({ exchange }) => ofHttp(exchange, split(exchange.request.path)[0]),
  query: ({ exchange }) => ofHttp(exchange, split(exchange.request.path)[1]),
  host: ({ exchange }) => filled(exchange.request.authority),
  scheme: ({ exchange }) => ofHttp(exchange, exchange.request.scheme),
  method: ({ exchange }) => filled(exchange.request.method),
  referer: header('referer'),
  id: header('x-request-id'),
  useragent: header('user-agent'),
};

export const responseAttributes: Members<Seen> = {
  code: ({ response }) => (response === null ? undefined : BigInt(response.status)),
  code_details: ({ exchange }) => filled(exchange.details),
  size: ({ exchange }) => BigInt(exchange.responseBytes),
  total_size: ({ exchange, response }) =>
    BigInt(
      exchange.responseBytes +
        (response === null ? 0 : responseBytes(response)) +
        (exchange.trailers === null ? 0 : fieldBytes(exchange.trailers)),
    ),
  headers: ({ response }) => {
    if (response === null) return cel().celMap(new View(() => undefined));
    const { status, headers } = response;
    return cel().celMap(
      headerView(headers, (name) => (name === ':status' ? String(status) : headers.joined(name)), [':status']),
    );
  },
  headers_bytes: ({ response }) => BigInt(response === null ? 0 : responseBytes(response)),
  trailers: ({ exchange: { trailers } }) =>
    cel().celMap(
      trailers === null ? new View(() => undefined) : headerView(trailers, (name) => trailers.joined(name), []),
    ),
  flags: ({ exchange }) => BigInt(numberedFlags(exchange.flags)),
  grpc_status: ({ exchange, response }) => {
    const status = statusOf(exchange, response);
    return status === undefined ? undefined : BigInt(status);
  },
  backend_latency: ({ exchange: { upstreamSent, upstreamEnded } }) =>
    upstreamSent === 0 || upstreamEnded === 0 ? undefined : duration(upstreamEnded - upstreamSent),
};

function speaksHttp({ request }: Exchange): boolean {
  return request.protocol !== '';
}

function ofHttp(exchange: Exchange, value: string): Attribute {
  return speaksHttp(exchange) ? value : undefined;
}

function header(name: string): (seen: Seen) => Attribute {
  return ({ exchange }) => exchange.request.headers.get(name);
}

function headBytes(exchange: Exchange): number {
  return speaksHttp(exchange) ? requestBytes(exchange.request) : 0;
}

/** What the client says its body has; undefined where it says no number. */
function requestSize({ request, requestBytes: received }: Exchange): Attribute {
  const said = request.headers.get('content-length');
  if (said === undefined) return BigInt(received);
  return /^\d{1,18}$/.test(said) ? BigInt(said) : undefined;
}

/** Path and query; a fragment belongs to neither but stays with a path that has no query. */
function split(target: string): [path: string, query: string] {
  const at = target.indexOf('?');
  if (at < 0) return [target, ''];
  const query = target.slice(at + 1);
  const end = query.indexOf('#');
  return [target.slice(0, at), end < 0 ? query : query.slice(0, end)];
}

const PSEUDO = [':method', ':path', ':authority', ':scheme'] as const;

function requestHeaders(exchange: Exchange): View {
  if (!speaksHttp(exchange)) return new View(() => undefined);
  const { request } = exchange;
  const read = (name: string) => requestLookup(name)(request);
  return headerView(
    request.headers,
    read,
    PSEUDO.filter((name) => read(name) !== undefined),
  );
}

function headerView(headers: HeaderMap, read: (name: string) => string | undefined, pseudo: readonly string[]): View {
  return new View(
    (name) => read(name.toLowerCase()),
    () => [...new Set([...pseudo, ...headers.fields.filter((_, i) => i % 2 === 0)])],
  );
}
