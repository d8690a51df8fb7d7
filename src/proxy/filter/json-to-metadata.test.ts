// Bodies that come in pieces or are too large, and what is refused; values are compared with Envoy.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { JsonToMetadataSchema } from '../../xds/gen/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.ts';
import { testExchange } from '../testing/exchange.ts';
import { testScope } from '../testing/scope.ts';
import type { FilterOutlet, FilterStream } from './filter.ts';
import { jsonToMetadata } from './json-to-metadata.ts';

const compile = (config: JsonObject) =>
  jsonToMetadata.chain.compile(anyPack(JsonToMetadataSchema, fromJson(JsonToMetadataSchema, config)), 'json', 'f')!;
const rule = { selectors: [{ key: 'a' }], on_present: { metadata_namespace: 'j', key: 'a' } };
const rules = (more: JsonObject = {}): JsonObject => ({ request_rules: { rules: [{ ...rule, ...more }] } });

function open() {
  const heard: string[] = [];
  const outlet: FilterOutlet = {
    proceed: () => heard.push('head'),
    write: (chunk) => heard.push(chunk.toString()),
    finish: () => heard.push('end'),
    pause: () => undefined,
    resume: () => undefined,
  };
  const stream: FilterStream = {
    request: outlet,
    response: outlet,
    answer: ({ details }) => heard.push(details),
    reroute: () => heard.push('route'),
    run: (work) => work(),
  };
  const exchange = testExchange({ headers: ['content-type', 'application/json'] });
  const { request, response } = compile(rules()).open!(exchange, testScope(), stream)!;
  return { heard, exchange, request: request!, response: response! };
}

test('a document in pieces is read at its end, then passed on as it came', () => {
  const { heard, exchange, request, response } = open();
  expect(request.head!(exchange.request, false)).toBe('collect');
  for (const piece of ['{"a"', ':"b', '"}']) request.data!(Buffer.from(piece));
  expect(heard).toEqual([]);
  request.end!(null);
  expect(heard).toEqual(['route', 'head', '{"a"', ':"b', '"}', 'end']);
  expect(exchange.metadata?.get('j')).toEqual({ a: 'b' });
  expect(response).toEqual({});
});

test('a document that is too large is refused', () => {
  const { heard, exchange, request } = open();
  request.head!(exchange.request, false);
  request.data!(Buffer.alloc(1024 * 1024 + 1));
  expect(heard).toEqual(['request_payload_too_large']);
});

test('names that objects have of themselves are not found', () => {
  const { exchange, request } = open();
  request.head!(exchange.request, false);
  request.data!(Buffer.from('{"__proto__":{"a":1}}'));
  request.end!(null);
  expect(exchange.metadata).toBeNull();
});

describe('refused', () => {
  const cases: [string, JsonObject, string][] = [
    ['no rules', {}, 'f: has neither request_rules nor response_rules'],
    ['an empty list', { request_rules: {} }, 'f.request_rules.rules: is empty'],
    ['no selector', rules({ selectors: [] }), 'rules[0].selectors: is empty'],
    ['an empty key', rules({ selectors: [{ key: '' }] }), 'rules[0].selectors[0].key: is empty'],
    ['nothing to do', { request_rules: { rules: [{ selectors: [{ key: 'a' }] }] } }, 'has neither on_present nor'],
    ['no name', rules({ on_present: { key: '' } }), 'rules[0].on_present.key: is empty'],
    ['no value', rules({ on_missing: { key: 'a' } }), 'rules[0].on_missing.value: is required'],
    ['no value of an error', rules({ on_error: { key: 'a' } }), 'rules[0].on_error.value: is required'],
  ];
  test.each(cases)('%s', (_name, config, message) => expect(() => compile(config)).toThrow(message));
});
