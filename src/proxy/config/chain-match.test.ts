// Filter chain matches and listener filters as a resource gives them.
import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { chain, listener, packed } from '../testing/resources.ts';

const chains = (...matches: JsonObject[]) => ({
  filter_chains: matches.map((filter_chain_match) => chain({}, { filter_chain_match })),
});
const range = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });

describe('the same match', () => {
  test.each<[string, JsonObject, JsonObject]>([
    ['none', {}, {}],
    ['one name of several', { server_names: ['a', 'b'] }, { server_names: ['c', 'b'] }],
    ['one port of several', { source_ports: [1, 2] }, { source_ports: [2] }],
    [
      'a combination',
      { server_names: ['a', 'b'], application_protocols: ['x'] },
      { server_names: ['b'], application_protocols: ['y', 'x'] },
    ],
    ['a range', { prefix_ranges: [range('10.0.0.0', 8)] }, { prefix_ranges: [range('10.0.0.0', 8)] }],
  ])('%s', (_name, one, other) => {
    expect(() => listener(chains(one, other))).toThrow(
      'filter_chains[1].filter_chain_match: is the same as that of filter_chains[0] for some connections',
    );
  });

  test('is none where any criterion differs', () => {
    const different = chains(
      { server_names: ['a'] },
      { server_names: ['a'], source_type: 'EXTERNAL' },
      { server_names: ['a'], destination_port: 1 },
      { server_names: ['a'], direct_source_prefix_ranges: [range('10.0.0.0', 8)] },
      { server_names: ['a'], source_prefix_ranges: [range('10.0.0.0', 8)] },
    );
    expect(listener(different).chains).toHaveLength(5);
  });
});

test.each<[string, JsonObject, string]>([
  ['address suffix', { address_suffix: 'a' }, 'filter_chains[0].filter_chain_match.address_suffix: is not supported'],
  [
    'a range that is none',
    { prefix_ranges: [range('10.0.0.0', 33)] },
    'filter_chains[0].filter_chain_match.prefix_ranges[0]: 10.0.0.0/33 is no address range',
  ],
  ['a name', { server_names: ['a*.b'] }, 'filter_chains[0].filter_chain_match.server_names[0]: a*.b is neither'],
  ['a port', { destination_port: 70_000 }, 'destination_port: 70000 is not a port'],
])('refuses %s', (_name, match, message) => {
  expect(() => listener(chains(match))).toThrow(message);
});

describe('listener filters', () => {
  const filter = (typed_config: JsonObject, more: JsonObject = {}) => ({ name: 'f', typed_config, ...more });

  test('nobody looks for TLS unasked', () => {
    expect(listener(chains({ transport_protocol: 'tls' }, { server_names: ['a'] })).listenerFilters).toEqual([]);
  });

  test('the original destination with use_original_dst', () => {
    const { listenerFilters, handsOff } = listener({ use_original_dst: true });
    expect(listenerFilters).toEqual([{ kind: 'original-dst', disabled: null }]);
    expect(handsOff).toBe(true);
  });

  test('are switched off by port', () => {
    const filter_disabled: JsonObject = {
      or_match: {
        rules: [
          { destination_port_range: { start: 80, end: 90 } },
          {
            and_match: {
              rules: [{ any_match: true }, { not_match: { destination_port_range: { start: 1, end: 443 } } }],
            },
          },
        ],
      },
    };
    const { disabled } = listener({
      listener_filters: [filter(packed(OriginalDstSchema), { filter_disabled })],
    }).listenerFilters[0]!;
    expect([79, 80, 89, 90, 442, 443].map((port) => disabled?.(port))).toEqual([false, true, true, false, false, true]);
  });

  test('PROXY protocol', () => {
    const one = listener({
      listener_filters: [
        filter(
          packed(ProxyProtocolSchema, {
            allow_requests_without_proxy_protocol: true,
            disallowed_versions: ['V1'],
            stat_prefix: 'p',
          }),
        ),
      ],
    });
    expect(one.listenerFilters).toEqual([
      {
        kind: 'proxy-protocol',
        statPrefix: 'p',
        disabled: null,
        optional: true,
        versions: new Set([2]),
        passes: [],
        notes: new Map(),
      },
    ]);
  });

  test('words of a PROXY header', () => {
    const rules: JsonObject[] = [
      { tlv_type: 1, on_tlv_present: { key: 'a' } },
      { tlv_type: 2, on_tlv_present: { metadata_namespace: 'n', key: 'b', value_string_encoding: 'BASE64' } },
    ];
    const passes = { match_type: 'INCLUDE', tlv_type: [3] };
    const config = packed(ProxyProtocolSchema, { rules, pass_through_tlvs: passes });
    expect(listener({ listener_filters: [filter(config)] }).listenerFilters[0]).toMatchObject({
      passes: [3],
      notes: new Map([
        [1, { namespace: 'envoy.filters.listener.proxy_protocol', key: 'a', base64: false }],
        [2, { namespace: 'n', key: 'b', base64: true }],
      ]),
    });
    const wrong = filter(packed(ProxyProtocolSchema, { rules: [{ tlv_type: 256 }] }));
    expect(() => listener({ listener_filters: [wrong] })).toThrow('rules[0].tlv_type: 256 is not a type');
  });
});
