import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { LocalReplyConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { decodeLocalReplies, type LocalReplies } from './local-reply.ts';
import { noRuntime, type RuntimeLookup } from './runtime-keys.ts';

const decode = (json: JsonObject): LocalReplies | null =>
  decodeLocalReplies(fromJson(LocalReplyConfigSchema, json), 'l');

const status = (value: number) => ({
  status_code_filter: { comparison: { op: 'EQ', value: { default_value: value, runtime_key: 'key' } } },
});

/** As a line: status, headers, type and body. */
function rewritten(json: JsonObject, runtime: RuntimeLookup = noRuntime): string {
  const exchange = testExchange({ path: '/p' });
  const head = { status: 503, headers: new HeaderMap(['x-a', '1']) };
  exchange.response = head;
  const { body, contentType } = decode(json)!(head, Buffer.from('gïven'), exchange, 1005, runtime);
  return [head.status, head.headers.fields.join(','), contentType, body.toString()].join(' ');
}

describe('an answer of our own', () => {
  test.each<[name: string, config: JsonObject, wants: string]>([
    ['stays', {}, '503 x-a,1 text/plain gïven'],
    ['no mapper', { mappers: [{ filter: status(404), status_code: 400 }] }, '503 x-a,1 text/plain gïven'],
    [
      'the first mapper',
      {
        mappers: [
          { filter: status(503), status_code: 500 },
          { filter: status(503), status_code: 400 },
        ],
      },
      '500 x-a,1 text/plain gïven',
    ],
    [
      'a body and headers',
      {
        mappers: [
          {
            filter: status(503),
            body: { inline_string: 'ünser' },
            headers_to_add: [{ header: { key: 'x-b', value: '%RESPONSE_CODE%' } }],
          },
        ],
      },
      '503 x-a,1,x-b,503 text/plain ünser',
    ],
    [
      'a format for what a mapper says',
      {
        mappers: [{ filter: status(503), status_code: 500, body: { inline_string: 'own' } }],
        body_format: { text_format: '%RESPONSE_CODE% %LOCAL_REPLY_BODY%' },
      },
      '500 x-a,1 text/plain 500 own',
    ],
    [
      'a format of the mapper',
      {
        mappers: [{ filter: status(503), body_format_override: { json_format: { b: 'ä %LOCAL_REPLY_BODY%' } } }],
        body_format: { text_format: 'not this' },
      },
      '503 x-a,1 application/json {"b":"ä gïven"}\n',
    ],
    [
      'a type',
      { body_format: { text_format: '%PATH% %DURATION%', content_type: 'text/html' } },
      '503 x-a,1 text/html /p 5',
    ],
  ])('%s', (_name, config, wants) => {
    expect(rewritten(config)).toBe(wants);
  });

  test('a filter follows the runtime', () => {
    const config = { mappers: [{ filter: status(404), status_code: 400 }] };
    expect(rewritten(config, { ...noRuntime, integer: () => 503 })).toBe('400 x-a,1 text/plain gïven');
  });
});

test.each<[name: string, config: JsonObject, wants: string]>([
  ['no filter', { mappers: [{}] }, 'l.mappers[0].filter: is required'],
  ['an unknown status', { mappers: [{ filter: status(1), status_code: 600 }] }, 'l.mappers[0].status_code: 600 is no'],
  ['no format', { body_format: {} }, 'l.body_format: has no format'],
  ['an unknown command', { body_format: { text_format: '%NO%' } }, 'l.body_format.text_format: %NO% is not supported'],
])('%s is refused', (_name, config, wants) => {
  expect(() => decode(config)).toThrow(wants);
});

test('without a configuration nothing is asked', () => {
  expect(decodeLocalReplies(undefined, 'l')).toBeNull();
});
