// What is refused; who passes is compared with Envoy.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { ApiKeyAuthSchema } from '../../xds/gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.ts';
import { testExchange } from '../testing/exchange.ts';
import { testScope } from '../testing/scope.ts';
import { apiKeyAuth } from './api-key-auth.ts';

const compile = (config: JsonObject) =>
  apiKeyAuth.chain.compile(anyPack(ApiKeyAuthSchema, fromJson(ApiKeyAuthSchema, config)), 'keys', 'f')!;

test.each<[JsonObject, string]>([
  [{ credentials: [{ key: 'k', client: '' }] }, 'f.credentials[0].client: is empty'],
  [{ credentials: [{ key: '', client: 'c' }] }, 'f.credentials[0].key: is empty'],
  [
    {
      credentials: [
        { key: 'k', client: 'c' },
        { key: 'k', client: 'd' },
      ],
    },
    'f.credentials[1].key: is there twice',
  ],
  [{ key_sources: [{}] }, 'f.key_sources[0]: has neither header, query nor cookie'],
  [{ key_sources: [{ query: 'q'.repeat(1025) }] }, 'f.key_sources[0].query: must have at most 1024 bytes'],
  [{ forwarding: { header: 'x\n' } }, 'f.forwarding.header: is not a name'],
])('%j is refused', (config, wants) => {
  expect(() => compile(config)).toThrow(wants);
});

describe('what goes on of a request whose key is hidden', () => {
  const filter = compile({
    credentials: [{ key: 'k', client: 'ann' }],
    key_sources: [{ header: 'x-key' }, { query: 'key' }, { cookie: 'key' }],
    forwarding: { header: 'x-client', hide_credentials: true },
  });

  test.each<[name: string, path: string, headers: string[], wants: [path: string, ...headers: string[]]]>([
    ['header', '/', ['x-key', 'k'], ['/', 'x-client', 'ann']],
    ['query', '/a?z=1&key=k&b', [], ['/a?b=&z=1', 'x-client', 'ann']],
    ['only parameter', '/a?key=k', [], ['/a', 'x-client', 'ann']],
    ['cookie', '/', ['cookie', 'a=b; key=k', 'cookie', 'c=d'], ['/', 'cookie', 'a=b; c=d', 'x-client', 'ann']],
    ['only cookie', '/', ['cookie', 'key=k'], ['/', 'x-client', 'ann']],
  ])('%s', (_name, path, headers, wants) => {
    const exchange = testExchange({ path, headers });
    expect(filter.request!(exchange, testScope())).toBeUndefined();
    expect([exchange.request.path, ...exchange.request.headers.fields]).toEqual(wants);
  });
});
