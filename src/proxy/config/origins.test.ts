import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { cluster } from '../testing/resources.ts';

const at = (address: string, port_value = 0) => ({ address, port_value });
const bind = (fields: JsonObject) => ({ upstream_bind_config: fields });
const v4 = { address: '127.0.0.2', port: 0 };
const v6 = { address: '::1', port: 0 };
const marked = { level: 1, name: 36, int_value: 7 };
const mark = { when: 'before-bind', family: 'any', option: { level: 1, name: 36, value: Buffer.from([7, 0, 0, 0]) } };
const freebind = [
  { when: 'before-bind', family: 4, option: { level: 0, name: 15, value: Buffer.from([1, 0, 0, 0]) } },
  { when: 'before-bind', family: 6, option: { level: 41, name: 78, value: Buffer.from([1, 0, 0, 0]) } },
];

describe('where connections come from', () => {
  test.each<[string, JsonObject, unknown]>([
    ['wherever the system says', {}, []],
    ['nothing is said', bind({}), []],
    [
      'an address',
      bind({ source_address: at('127.0.0.2', 7) }),
      [{ address: { address: '127.0.0.2', port: 7 }, options: [] }],
    ],
    [
      'one of each family',
      bind({ source_address: at('127.0.0.2'), extra_source_addresses: [{ address: at('::1') }] }),
      [
        { address: v4, options: [] },
        { address: v6, options: [] },
      ],
    ],
    [
      'one of each family, as it was said before',
      bind({ source_address: at('127.0.0.2'), additional_source_addresses: [at('::1')] }),
      [
        { address: v4, options: [] },
        { address: v6, options: [] },
      ],
    ],
    ['options alone', bind({ socket_options: [marked] }), [{ address: null, options: [mark] }]],
    [
      'an address that is not here',
      bind({ source_address: at('127.0.0.2'), freebind: true }),
      [{ address: v4, options: freebind }],
    ],
    [
      'options of one of them',
      bind({
        source_address: at('127.0.0.2'),
        socket_options: [marked],
        extra_source_addresses: [{ address: at('::1'), socket_options: {} }],
      }),
      [
        { address: v4, options: [mark] },
        { address: v6, options: [] },
      ],
    ],
  ])('%s', (_name, message, wants) => {
    expect(cluster(message).origins).toEqual(wants);
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
    [
      { source_address: at('127.0.0.2'), additional_source_addresses: [at('127.0.0.3')] },
      'upstream_bind_config.additional_source_addresses: must be one address, of the other family',
    ],
    [{ socket_options: [{ level: 1 }] }, 'upstream_bind_config.socket_options[0]: has no value'],
  ])('refuses %j', (message, wants) => {
    expect(() => cluster(bind(message))).toThrow(wants);
  });
});

test('whether clients share them', () => {
  expect(cluster({ connection_pool_per_downstream_connection: true }).poolPerConnection).toBe(true);
});

describe('the order of addresses', () => {
  const order = (happy_eyeballs_config: JsonObject) =>
    cluster({ upstream_connection_options: { happy_eyeballs_config } }).addressOrder;

  test.each<[JsonObject, unknown]>([
    [{}, { first: 'any', count: 1 }],
    [
      { first_address_family_version: 'V6', first_address_family_count: 2 },
      { first: 6, count: 2 },
    ],
  ])('%j', (fields, wants) => {
    expect(order(fields)).toEqual(wants);
  });

  test('refuses none of a family', () => {
    expect(() => order({ first_address_family_count: 0 })).toThrow('first_address_family_count: must be more than 0');
  });
});
