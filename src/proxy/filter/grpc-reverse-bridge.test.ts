// Frames that come in pieces, and responses beyond the limit; the rest is compared with Envoy.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { FilterConfigSchema } from '../../xds/gen/envoy/extensions/filters/http/grpc_http1_reverse_bridge/v3/config_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { testScope } from '../testing/scope.ts';
import type { FilterOutlet, FilterStream } from './filter.ts';
import { grpcReverseBridge } from './grpc-reverse-bridge.ts';

function open() {
  const heard: string[] = [];
  const outlet: FilterOutlet = {
    proceed: (last) => heard.push(`head ${last}`),
    write: (chunk) => heard.push(chunk.toString('latin1')),
    finish: (trailers) => heard.push(trailers === null ? 'end' : `grpc-status ${trailers.get('grpc-status')}`),
    pause: () => undefined,
    resume: () => undefined,
  };
  const stream: FilterStream = {
    request: outlet,
    response: outlet,
    answer: ({ details }) => heard.push(details),
    reroute: () => undefined,
    run: (work) => work(),
  };
  const config = create(FilterConfigSchema, { contentType: 'a/b', withholdGrpcFrames: true });
  const filter = grpcReverseBridge.chain.compile(anyPack(FilterConfigSchema, config), 'bridge', 'f')!;
  const exchange = testExchange({ headers: ['content-type', 'application/grpc', 'content-length', '8'] });
  const { request, response } = filter.open!(exchange, testScope(), stream)!;
  request!.head!(exchange.request, false);
  return { heard, exchange, request: request!, response: response! };
}

test('a frame whose head comes byte by byte', () => {
  const { heard, exchange, request } = open();
  for (const byte of Buffer.from('\0\0\0\0\x03abc')) request.data!(Buffer.from([byte]));
  request.end!(null);
  expect(heard).toEqual(['a', 'b', 'c', 'end']);
  expect(exchange.request.headers.get('content-length')).toBe('3');
});

test('a body that ends within the head of its frame', () => {
  const { heard, request } = open();
  request.data!(Buffer.from('\0\0'));
  request.end!(null);
  expect(heard).toEqual(['grpc_bridge_data_too_small']);
});

test('a response that comes in pieces is one message', () => {
  const { heard, response } = open();
  const head = { status: 404, headers: new HeaderMap(['content-type', 'a/b', 'content-length', '6']) };
  expect(response.head!(head, false)).toBeUndefined();
  response.data!(Buffer.from('mes'));
  response.data!(Buffer.from('sag'));
  expect(heard).toEqual([]);
  response.end!(null);
  expect(heard).toEqual(['\0\0\0\0\x06', 'mes', 'sag', 'grpc-status 12']);
  expect([head.status, head.headers.get('content-length'), head.headers.get('content-type')]).toEqual([
    200,
    '11',
    'application/grpc',
  ]);
});

test('a response that is too large to be held', () => {
  const { heard, response } = open();
  response.head!({ status: 200, headers: new HeaderMap(['content-type', 'a/b']) }, false);
  response.data!(Buffer.alloc(1024 * 1024));
  expect(heard).toEqual([]);
  response.data!(Buffer.alloc(1));
  expect(heard).toEqual(['response_payload_too_large']);
});

test('no content type is refused', () => {
  const config = anyPack(FilterConfigSchema, create(FilterConfigSchema));
  expect(() => grpcReverseBridge.chain.compile(config, 'bridge', 'f')).toThrow('f.content_type: is empty');
});
