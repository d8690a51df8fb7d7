import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { types } from '../../xds/descriptors/types.ts';
import { Http1ProtocolOptionsSchema } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { defaultHttp1Options } from '../http1/options.ts';
import { decodeHttp1Options } from './http1-options.ts';

const decode = (json: JsonObject) =>
  decodeHttp1Options(fromJson(Http1ProtocolOptionsSchema, json, { registry: types }), 'o');
const preserve = (json: JsonObject = {}) => ({
  header_key_format: {
    stateful_formatter: {
      name: 'f',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig',
        ...json,
      },
    },
  },
});

describe('options of HTTP/1.1', () => {
  test('none', () => {
    expect(decodeHttp1Options(undefined, 'o')).toBe(defaultHttp1Options);
    expect(decode({})).toEqual(defaultHttp1Options);
  });

  test('URLs as targets', () => {
    expect([true, false].map((given) => decode({ allow_absolute_url: given }).takesUrls)).toEqual([true, false]);
    expect(decode({}).takesUrls).toBe(true);
  });

  test('proper case is for what is sent', () => {
    const { spelling, spellingMemory } = decode({ header_key_format: { proper_case_words: {} } });
    expect([spelling?.nameOf('x-a'), spellingMemory]).toEqual(['X-A', null]);
  });

  test.each<[name: string, json: JsonObject, own: string, phrases: boolean]>([
    ['alone', {}, 'x-a', false],
    ['with phrases', { forward_reason_phrase: true }, 'x-a', true],
    ['own names in proper case', { formatter_type_on_envoy_headers: 'PROPER_CASE' }, 'X-A', false],
  ])('case is preserved: %s', (_name, json, own, phrases) => {
    const { spelling, spellingMemory } = decode(preserve(json));
    expect([spelling, spellingMemory?.otherwise('x-a'), spellingMemory?.phrases]).toEqual([null, own, phrases]);
  });

  test.each<[name: string, json: JsonObject, wants: RegExp]>([
    ['no format', { header_key_format: {} }, /^o\.header_key_format: names no format/],
    [
      'another formatter',
      {
        header_key_format: {
          stateful_formatter: {
            name: 'f',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer' },
          },
        },
      },
      /stateful_formatter\.typed_config: type .* is not supported/,
    ],
    ['an unknown type', preserve({ formatter_type_on_envoy_headers: 7 }), /formatter_type_on_envoy_headers: is not/],
  ])('refused: %s', (_name, json, wants) => {
    expect(() => decode(json)).toThrow(wants);
  });
});
