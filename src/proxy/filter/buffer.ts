// The filter envoy.filters.http.buffer: a request goes on when all of it has come.
import {
  type Buffer as BufferMessage,
  type BufferPerRoute,
  BufferPerRouteSchema,
  BufferSchema,
} from '../../xds/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import type { HeaderMap } from '../http/headers.ts';
import { compiler, type FilterKind } from './define.ts';
import type { FilterStream, HttpFilter, StreamFilter } from './filter.ts';
import { HeldBody, requestTooLarge } from './held-body.ts';

export const buffer: FilterKind = {
  chain: compiler(BufferSchema, createBuffer),
  route: compiler(BufferPerRouteSchema, compileRoute),
};

function compileRoute({ override }: BufferPerRoute, name: string, path: string): HttpFilter | null {
  switch (override.case) {
    case 'disabled':
      if (!override.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return null;
    case 'buffer':
      return createBuffer(override.value, name, at(path, 'buffer'));
    default:
      throw new ConfigError(path, 'says neither disabled nor buffer');
  }
}

function createBuffer({ maxRequestBytes = 0 }: BufferMessage, name: string, path: string): HttpFilter {
  if (maxRequestBytes === 0) throw new ConfigError(at(path, 'max_request_bytes'), 'must be more than 0');
  return { name, open: (exchange, _scope, stream) => holdAll(exchange.request.headers, stream, maxRequestBytes) };
}

function holdAll(headers: HeaderMap, stream: FilterStream, limit: number): StreamFilter {
  const body = new HeldBody(limit);
  return {
    request: {
      head: (_head, last) => (last ? undefined : 'collect'),
      data(chunk) {
        if (!body.push(chunk)) stream.answer(requestTooLarge);
      },
      end(trailers) {
        // The length is known now: an upstream need not read chunks.
        if (!headers.has('content-length')) headers.append('content-length', String(body.size));
        stream.request.proceed();
        body.moveTo((chunk) => stream.request.write(chunk));
        stream.request.finish(trailers);
      },
    },
  };
}
