import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { cluster } from '../testing/resources.ts';

const at = (address: string, port_value = 0) => ({ address, port_value });
const bind = (fields: JsonObject) => ({ upstream_bind_config: fields });

describe('where connections come from', () => {
  test.each([
    ['wherever the system says', {}, []],
    ['an address', bind({ source_address: at('127.0.0.2', 7) }), [{ address: '127.0.0.2', port: 7 }]],
    [
      'one of each family',
      bind({ source_address: at('127.0.0.2'), extra_source_addresses: [{ address: at('::1') }] }),
      [
        { address: '127.0.0.2', port: 0 },
        { address: '::1', port: 0 },
      ],
    ],
  ])('%s', (_name, message, wants) => {
    expect(cluster(message).sources).toEqual(wants);
  });

  test.each<[JsonObject, string]>([
    [{ source_address: at('here') }, 'upstream_bind_config.source_address: here is no IP address'],
    [
      { extra_source_addresses: [{ address: at('::1') }] },
      'upstream_bind_config.extra_source_addresses: is set without source_address',
    ],
    [
      { source_address: at('127.0.0.2'), extra_source_addresses: [{ address: at('127.0.0.3') }] },
      'upstream_bind_config.extra_source_addresses: must be one address, of the other family',
    ],
    [{ source_address: at('127.0.0.2'), freebind: true }, 'upstream_bind_config.freebind: is not supported'],
  ])('refuses %j', (message, wants) => {
    expect(() => cluster(bind(message))).toThrow(wants);
  });
});

test('whether clients share them', () => {
  expect(cluster({ connection_pool_per_downstream_connection: true }).poolPerConnection).toBe(true);
});
