// Filter chains without HTTP as a resource gives them.
import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ConnectionLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { ConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { EchoSchema } from '../../xds/gen/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { inline, listener, packed } from '../testing/resources.ts';
import { adsSource } from './config-source.ts';

const named = (typed_config: JsonObject) => ({ name: 'f', typed_config });
const tcp = (change: JsonObject = {}) => named(packed(TcpProxySchema, { stat_prefix: 's', ...change }));
const limit = named(packed(ConnectionLimitSchema, { stat_prefix: 's', max_connections: 1 }));
const echo = named(packed(EchoSchema));
const chainOf = (...filters: JsonObject[]) => listener({ filter_chains: [{ filters }] }).chains[0]!;

test('a TCP proxy with Envoy’s defaults', () => {
  expect(chainOf(tcp({ cluster: 'c' })).network).toEqual({
    kind: 'tcp',
    tcp: {
      statPrefix: 's',
      clusters: [{ name: 'c', weight: 1, subset: null }],
      totalWeight: 1,
      idleTimeout: 3_600_000,
      maxDuration: 0,
      maxDurationJitter: 0,
      maxConnectAttempts: 1,
      hashSourceIp: false,
      onDemand: null,
      tunnel: null,
      accessLogs: [],
      onOpened: null,
      logOnConnected: false,
    },
  });
});

test('weights, subsets, limits', () => {
  const subset = (value: string) => ({ filter_metadata: { 'envoy.lb': { version: value } } });
  const clusters: JsonObject[] = [
    { name: 'a', weight: 1 },
    { name: 'b', weight: 3, metadata_match: subset('2') },
  ];
  const { network } = chainOf(
    tcp({
      weighted_clusters: { clusters },
      metadata_match: subset('1'),
      idle_timeout: '0s',
      max_downstream_connection_duration: '60s',
      max_downstream_connection_duration_jitter_percentage: { value: 50 },
      max_connect_attempts: 3,
      hash_policy: [{ source_ip: {} }],
    }),
  );
  expect(network).toMatchObject({
    tcp: {
      clusters: [
        { name: 'a', weight: 1, subset: [['version', '"1"']] },
        { name: 'b', weight: 3, subset: [['version', '"2"']] },
      ],
      totalWeight: 4,
      idleTimeout: 0,
      maxDuration: 60_000,
      maxDurationJitter: 0.5,
      maxConnectAttempts: 3,
      hashSourceIp: true,
    },
  });
});

test('filters in order before the one that serves', () => {
  const { networkFilters, network } = chainOf(limit, echo);
  expect(networkFilters.map(({ name }) => name)).toEqual(['f']);
  expect(network).toEqual({ kind: 'echo' });
  expect(chainOf(named(packed(ConfigSchema, { response: inline('no') }))).network).toEqual({
    kind: 'respond',
    body: Buffer.from('no'),
  });
});

test('chains of one resource have one fingerprint', () => {
  const prints = [tcp({ cluster: 'a' }), tcp({ cluster: 'a' }), tcp({ cluster: 'b' })].map(
    (one) => chainOf(one).fingerprint,
  );
  expect(prints[0]).toBe(prints[1]);
  expect(prints[0]).not.toBe(prints[2]);
});

test('a cluster may be asked for', () => {
  const odcds_config = { ads: {}, resource_api_version: 'V3' };
  const of = (change: JsonObject) => chainOf(tcp({ cluster: 'a', on_demand: { odcds_config, ...change } })).network;
  expect(of({})).toMatchObject({ tcp: { onDemand: { source: adsSource, timeout: 60_000 } } });
  expect(of({ timeout: '2s' })).toMatchObject({ tcp: { onDemand: { timeout: 2_000 } } });
});

const here = 'filter_chains[0].filters[0].typed_config';
test.each<[string, readonly JsonObject[], string]>([
  ['no cluster', [tcp()], `${here}: has no cluster`],
  ['an empty prefix', [tcp({ stat_prefix: '', cluster: 'c' })], `${here}.stat_prefix: is empty`],
  [
    'a weight of nothing',
    [tcp({ weighted_clusters: { clusters: [{ name: 'a' }] } })],
    `${here}.weighted_clusters.clusters[0].weight: must be at least 1`,
  ],
  [
    'more jitter than there is',
    [tcp({ cluster: 'c', max_downstream_connection_duration_jitter_percentage: { value: 101 } })],
    `${here}.max_downstream_connection_duration_jitter_percentage: 101 is no percentage (hint: 0-100)`,
  ],
  ['no attempts', [tcp({ cluster: 'c', max_connect_attempts: 0 })], `${here}.max_connect_attempts: must be more`],
  ['a tunnel to nowhere', [tcp({ cluster: 'c', tunneling_config: {} })], `${here}.tunneling_config.hostname: is empty`],
  [
    'a path of CONNECT',
    [tcp({ cluster: 'c', tunneling_config: { hostname: 'h', post_path: '/p' } })],
    `${here}.tunneling_config.post_path: is for use_post`,
  ],
  ['a cluster asked of nobody', [tcp({ cluster: 'c', on_demand: {} })], `${here}.on_demand.odcds_config: is required`],
  [
    'a cluster by locator',
    [tcp({ cluster: 'c', on_demand: { odcds_config: { ads: {} }, resources_locator: 'xdstp://a/b' } })],
    `${here}.on_demand.resources_locator: is not supported`,
  ],
  [
    'a request id of its own',
    [tcp({ cluster: 'c', tunneling_config: { hostname: 'h', request_id_header: 'x' } })],
    `${here}.tunneling_config.request_id_header: is not supported`,
  ],
  [
    'nothing that serves',
    [limit],
    'filter_chains[0].filters[0].typed_config: envoy.extensions.filters.network.connection_limit',
  ],
  [
    'something after what serves',
    [echo, tcp({ cluster: 'c' })],
    'filter_chains[0].filters[0]: must be the last filter',
  ],
])('refuses %s', (_name, filters, message) => {
  expect(() => chainOf(...filters)).toThrow(message);
});
