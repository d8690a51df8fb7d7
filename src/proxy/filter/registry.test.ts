// What the smaller filters refuse, and what grpc_stats counts; what they do is compared with Envoy.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { types } from '../../xds/descriptors/types.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { filterStream } from '../testing/filter-stream.ts';
import { testScope } from '../testing/scope.ts';
import type { HttpFilter } from './filter.ts';
import { compileFilter, compileOverride, isSupportedFilter } from './registry.ts';

const any = (type: string, config: JsonObject = {}) =>
  fromJson(
    AnySchema,
    { '@type': `type.googleapis.com/envoy.extensions.filters.http.${type}`, ...config },
    { registry: types },
  );
const compile = (type: string, config: JsonObject = {}): HttpFilter => compileFilter(any(type, config), 'name', 'f');

test.each<[type: string, config: JsonObject, wants: string]>([
  ['header_to_metadata.v3.Config', { request_rules: [{}] }, 'f.request_rules[0]: needs either header or cookie'],
  ['header_to_metadata.v3.Config', { request_rules: [{ header: 'a' }] }, 'f.request_rules[0]: has neither'],
  [
    'header_to_metadata.v3.Config',
    { response_rules: [{ header: 'a', on_header_missing: { key: 'k' } }] },
    'on_header_missing.value: is required',
  ],
  ['set_metadata.v3.Config', { metadata: [{}] }, 'f.metadata[0].metadata_namespace: is empty'],
  ['set_filter_state.v3.Config', { on_request_headers: [{ object_key: 'k' }] }, 'factory_key: must be envoy.string'],
  [
    'stateful_session.v3.StatefulSession',
    { session_state: { name: 'x' } },
    'f.session_state.typed_config: is required',
  ],
  [
    'header_mutation.v3.HeaderMutation',
    { mutations: { request_mutations: [{}] } },
    'request_mutations[0]: has no action',
  ],
  ['compressor.v3.Compressor', {}, 'f.compressor_library.typed_config: is required'],
  ['decompressor.v3.Decompressor', {}, 'f.decompressor_library.typed_config: is required'],
  ['buffer.v3.Buffer', {}, 'f.max_request_bytes: must be more than 0'],
  ['basic_auth.v3.BasicAuth', { users: { inline_string: 'a:{MD5}x' } }, 'f.users: only SHA digests are supported'],
  ['lua.v3.Lua', {}, 'f: type envoy.extensions.filters.http.lua.v3.Lua is not supported'],
])('%s %j is refused', (type, config, wants) => {
  expect(() => compile(type, config)).toThrow(wants);
});

test('an override of a type that nobody knows may be left out where the sender says so', () => {
  const wrapped = (fields: JsonObject) =>
    fromJson(
      AnySchema,
      { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', ...fields },
      { registry: types },
    );
  const config = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute', disabled: true };
  expect(compileOverride('x', wrapped({ config, is_optional: true }), 'p')).toBe(undefined);
  expect(() => compileOverride('x', wrapped({ config }), 'p')).toThrow('p.config: type');
  expect(compileOverride('x', wrapped({ disabled: true }), 'p')).toBe(null);
  expect(isSupportedFilter(any('lua.v3.Lua'))).toBe(false);
});

describe('grpc_stats', () => {
  const stream = filterStream;
  const message = (length: number) => Buffer.concat([Buffer.from([0, 0, 0, 0, length]), Buffer.alloc(length)]);

  test.each([
    [{ stats_for_all_methods: true }, 'cluster.up.grpc.a.Service.Call'],
    [{ stats_for_all_methods: true, replace_dots_in_grpc_service_name: true }, 'cluster.up.grpc.a_Service.Call'],
    [{}, 'cluster.up.grpc'],
    [
      { individual_method_stats_allowlist: { services: [{ name: 'a.Service', method_names: ['Call'] }] } },
      'cluster.up.grpc.a.Service.Call',
    ],
    [
      { individual_method_stats_allowlist: { services: [{ name: 'a.Service', method_names: ['Other'] }] } },
      'cluster.up.grpc',
    ],
  ])('%j counts under %s', (config, name) => {
    const scope = testScope();
    const exchange = testExchange({ path: '/a.Service/Call', headers: ['content-type', 'application/grpc'] });
    exchange.cluster = 'up';
    const opened = compile('grpc_stats.v3.FilterConfig', config).open!(exchange, scope, stream())!;
    const bytes = Buffer.concat([message(3), message(0), message(300 % 256)]);
    for (const byte of bytes) opened.request!.data!(Buffer.from([byte]));
    opened.response!.data!(message(7));
    opened.response!.end!(new HeaderMap(['grpc-status', '5']));
    opened.done!();
    expect(scope.stats(name, () => ({}))).toEqual({
      5: 1,
      success: 0,
      failure: 1,
      total: 1,
      request_message_count: 3,
      response_message_count: 1,
    });
  });

  test('other requests are let alone', () => {
    const scope = testScope();
    expect(compile('grpc_stats.v3.FilterConfig').open!(testExchange(), scope, stream())).toBe(null);
  });
});
