// What filters of a cluster may be; what they do is compared with Envoy.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { BufferSchema } from '../../xds/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { HeaderMutationSchema } from '../../xds/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { UpstreamCodecSchema } from '../../xds/gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.ts';
import { HttpFilterSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { packed, registry } from '../testing/resources.ts';
import { decodeUpstreamFilters } from './upstream-filters.ts';

const decode = (filters: JsonObject[]) =>
  decodeUpstreamFilters(
    filters.map((filter) => fromJson(HttpFilterSchema, filter, { registry })),
    'f',
  );
const codec = { name: 'codec', typed_config: packed(UpstreamCodecSchema) };
const append = (key: string, value: string) => [{ append: { header: { key, value } } }];
const mutates = (mutations: JsonObject) => ({
  name: 'edits',
  typed_config: packed(HeaderMutationSchema, { mutations }),
});
const buffer = { name: 'holds', typed_config: packed(BufferSchema, { max_request_bytes: 1 }) };

test('requests pass them in order, responses in reverse', () => {
  const both = (value: string) =>
    mutates({ request_mutations: append('x-a', value), response_mutations: append('x-b', value) });
  const edits = decode([both('1'), both('2'), codec]);
  const exchange = testExchange();
  const head = { status: 200, headers: new HeaderMap() };
  edits!.request(exchange);
  edits!.response(exchange, head);
  expect(exchange.request.headers.joined('x-a')).toBe('1,2');
  expect(head.headers.joined('x-b')).toBe('2,1');
});

test.each<[string, JsonObject[]]>([
  ['no filters', []],
  ['the codec alone', [codec]],
  ['what may be left out', [{ ...buffer, is_optional: true }, codec]],
])('%s: nothing is done', (_name, filters) => expect(decode(filters)).toBeNull());

test.each<[string, JsonObject[], string]>([
  ['no codec', [mutates({})], 'f: must end with the codec'],
  ['another filter', [buffer, codec], 'f[0].typed_config: type envoy.extensions.filters.http.buffer.v3.Buffer'],
  ['no name', [{ typed_config: packed(HeaderMutationSchema) }, codec], 'f[0].name: is empty'],
  ['no configuration', [{ name: 'edits' }, codec], 'f[0].typed_config: is required'],
  ['one that is off', [{ ...mutates({}), disabled: true }, codec], 'f[0].disabled: is not supported'],
  [
    'trailers',
    [mutates({ response_trailers_mutations: append('x-a', '1') }), codec],
    'f[0].typed_config.mutations: of trailers are not supported upstream',
  ],
])('%s is refused', (_name, filters, wants) => expect(() => decode(filters)).toThrow(wants));
