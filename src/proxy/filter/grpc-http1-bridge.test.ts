// A call that fails after its message; the rest is compared with Envoy.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ConfigSchema } from '../../xds/gen/envoy/extensions/filters/http/grpc_http1_bridge/v3/config_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { testScope } from '../testing/scope.ts';
import type { FilterOutlet, FilterStream } from './filter.ts';
import { grpcHttp1Bridge } from './grpc-http1-bridge.ts';

function open(protocol: 'HTTP/1.1' | 'HTTP/2') {
  const heard: string[] = [];
  const outlet: FilterOutlet = {
    proceed: (last) => heard.push(`head ${last}`),
    write: (chunk) => heard.push(chunk.toString()),
    finish: (trailers) => heard.push(trailers === null ? 'end' : 'trailers'),
    pause: () => undefined,
    resume: () => undefined,
  };
  const stream: FilterStream = {
    request: outlet,
    response: outlet,
    answer: () => undefined,
    reroute: () => undefined,
    run: (work) => work(),
  };
  const filter = grpcHttp1Bridge.chain.compile(anyPack(ConfigSchema, create(ConfigSchema)), 'bridge', 'f')!;
  const exchange = testExchange({ protocol, headers: ['content-type', 'application/grpc'] });
  return { heard, opened: filter.open!(exchange, testScope(), stream) };
}

test('a status that comes last stands in the head of a whole response', () => {
  const { heard, opened } = open('HTTP/1.1');
  const head = { status: 200, headers: new HeaderMap(['content-type', 'application/grpc']) };
  expect(opened!.response!.head!(head, false)).toBe('collect');
  opened!.response!.data!(Buffer.from('mess'));
  opened!.response!.data!(Buffer.from('age'));
  expect(heard).toEqual([]);
  opened!.response!.end!(new HeaderMap(['grpc-status', '5', 'grpc-message', 'not there']));
  expect(heard).toEqual(['head false', 'message', 'end']);
  expect([head.status, ...head.headers.fields]).toEqual([
    ...[
      503,
      'content-type',
      'application/grpc',
      'grpc-status',
      '5',
      'grpc-message',
      'not there',
      'content-length',
      '7',
    ],
  ]);
});

test('HTTP/2 is left alone', () => {
  expect(open('HTTP/2').opened).toBe(null);
});
