// What is refused, and what rules allow; conversations are compared with Envoy.
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { HeaderMutationRulesSchema } from '../../../xds/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import { ExternalProcessorSchema } from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts';
import { HeaderMutationSchema } from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import { requestHead, testExchange } from '../../testing/exchange.ts';
import { compileRules } from '../mutation-rules.ts';
import { compileAttributes } from './attributes.ts';
import { extProc } from './filter.ts';
import { mutate } from './mutation.ts';

const service = { envoy_grpc: { cluster_name: 'proc' } };
const web = { http_service: { http_uri: { uri: 'http://a/b', cluster: 'proc', timeout: '1s' } } };
const compile = (config: JsonObject) =>
  extProc.chain.compile(
    anyPack(ExternalProcessorSchema, fromJson(ExternalProcessorSchema, { grpc_service: service, ...config })),
    'proc',
    'f',
  );

test.each<[JsonObject, string]>([
  [{ processing_mode: { request_body_mode: 'GRPC' } }, 'f.processing_mode.request_body_mode: is not supported'],
  [
    { processing_mode: { response_body_mode: 'FULL_DUPLEX_STREAMED' } },
    'f.processing_mode.response_trailer_mode: must be SEND where response_body_mode is FULL_DUPLEX_STREAMED',
  ],
  [{ message_timeout: '3601s' }, 'f.message_timeout: must be at most 1 hour'],
  [{ request_attributes: ['request.path', 'request.'] }, 'f.request_attributes[1]: '],
  [{ response_attributes: ['xds.node'] }, 'f.response_attributes[0]: xds.node is not supported'],
  [{ http_service: web }, 'f: needs one of grpc_service and http_service'],
  [{ grpc_service: null }, 'f: needs one of grpc_service and http_service'],
  [{ grpc_service: null, http_service: {} }, 'f.http_service.http_service: is required'],
  [
    { grpc_service: null, http_service: web, processing_mode: { request_body_mode: 'BUFFERED' } },
    'f.processing_mode: sends bodies or trailers to an http_service',
  ],
  [
    { grpc_service: null, http_service: web, processing_mode: { response_trailer_mode: 'SEND' } },
    'f.processing_mode: sends bodies or trailers to an http_service',
  ],
  [
    {
      grpc_service: null,
      http_service: { http_service: { ...web.http_service, request_headers_to_add: [{ header: { key: 'a' } }] } },
    },
    'f.http_service.http_service.request_headers_to_add: is not supported',
  ],
  [{ grpc_service: {} }, 'f.grpc_service.envoy_grpc: is required'],
  [{ disable_clear_route_cache: true, route_cache_action: 'CLEAR' }, 'f.disable_clear_route_cache: is set beside'],
])('%j is refused', (config, wants) => {
  expect(() => compile(config)).toThrow(wants);
});

test('attributes are told by their own text; what has no value is left out', () => {
  const tell = compileAttributes(['request.path', 'request.size', 'connection.mtls', 'response.code', '1.5'], 'f')!;
  expect(tell({ exchange: testExchange({ path: '/\xc3\xbc' }), response: null, ended: 0 })).toEqual({
    'request.path': '/ü',
    'request.size': 0,
    'connection.mtls': false,
    '1.5': '1.5',
  });
  expect(compileAttributes([], 'f')).toBeNull();
});

test.each<[rules: JsonObject, changed: string[], accepted: boolean]>([
  [{}, ['x-a', ':path'], true],
  [{ allow_all_routing: true, allow_envoy: true }, ['x-a', ':path', ':authority', 'x-envoy-a'], true],
  [{ disallow_system: true }, ['x-a'], true],
  [{ disallow_all: true }, [], true],
  [{ disallow_all: true, allow_expression: { regex: 'x-.*' } }, ['x-a', 'x-envoy-a'], true],
  [{ disallow_expression: { regex: 'x-.*' } }, [':path'], true],
  [{ disallow_is_error: true }, ['x-a', ':path'], false],
])('%j', (json, changed, accepted) => {
  const rules = compileRules(fromJson(HeaderMutationRulesSchema, json), 'r');
  const head = requestHead({ path: '/', authority: 'shop' });
  const setHeaders = ['x-a', ':path', ':authority', 'x-envoy-a'].map((key) => ({ header: { key, value: 'new' } }));
  const { accepted: ok } = mutate(head, create(HeaderMutationSchema, { setHeaders }), rules);
  const now = [
    ...[...head.headers].map(([name]) => name),
    ...(head.path === 'new' ? [':path'] : []),
    ...(head.authority === 'new' ? [':authority'] : []),
  ];
  expect([now.sort(), ok]).toEqual([changed.sort(), accepted]);
});
