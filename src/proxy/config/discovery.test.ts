import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ClusterConfigSchema as AggregateSchema } from '../../xds/gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts';
import { ClusterConfigSchema as DynamicSchema } from '../../xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { ClusterProvidedSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.ts';
import { cluster, packed } from '../testing/resources.ts';

const provided = { lb_policy: 'CLUSTER_PROVIDED' };
const dynamic = (fields: JsonObject, more: JsonObject = {}): JsonObject => ({
  ...provided,
  cluster_type: { name: 'envoy.clusters.dynamic_forward_proxy', typed_config: packed(DynamicSchema, fields) },
  ...more,
});
const aggregate = (fields: JsonObject, more: JsonObject = {}): JsonObject => ({
  ...provided,
  cluster_type: { name: 'envoy.clusters.aggregate', typed_config: packed(AggregateSchema, fields) },
  ...more,
});
const byType = {
  load_balancing_policy: {
    policies: [{ typed_extension_config: { name: 'p', typed_config: packed(ClusterProvidedSchema, {}) } }],
  },
};

describe('clusters whose endpoints are', () => {
  test.each([
    ['those of others', aggregate({ clusters: ['a', 'b'] })],
    [
      'those of others, by a typed policy',
      aggregate({ clusters: ['a', 'b'] }, { lb_policy: 'ROUND_ROBIN', ...byType }),
    ],
  ])('%s', (_name, message) => {
    expect(cluster(message)).toMatchObject({ discovery: { kind: 'aggregate', clusters: ['a', 'b'] } });
  });

  test('names of requests', () => {
    const { discovery, http } = cluster(
      dynamic({ dns_cache_config: { name: 'n', dns_refresh_rate: '9s', max_hosts: 2 } }),
    );
    expect(discovery).toMatchObject({
      kind: 'dynamic',
      cache: {
        name: 'n',
        refresh: 9_000,
        minimumRefresh: 5_000,
        maxNames: 2,
        ttl: 300_000,
        maxPending: 1024,
        known: [],
      },
    });
    expect(http.requestNames).toEqual({ header: '', asked: true, verified: true });
  });

  test('names of requests, whatever TLS makes of them', () => {
    const message = { dns_cache_config: { name: 'n' }, allow_insecure_cluster_options: true };
    const options = { upstream_http_protocol_options: { auto_sni: true } };
    expect(cluster(dynamic(message, options)).http.requestNames).toMatchObject({ asked: true, verified: false });
  });

  const typed = 'cluster_type.typed_config';
  test.each<[JsonObject, string]>([
    [aggregate({ clusters: [] }), `${typed}.clusters: is empty`],
    [
      aggregate({ clusters: ['a'] }, { lb_policy: 'ROUND_ROBIN' }),
      'lb_policy: must be CLUSTER_PROVIDED for clusters of kind aggregate',
    ],
    [{ load_assignment: {}, ...byType }, 'lb_policy: CLUSTER_PROVIDED is not for clusters of kind static'],
    [dynamic({}), `${typed}.dns_cache_config: is required`],
    [dynamic({ dns_cache_config: {} }), `${typed}.dns_cache_config.name: is empty`],
    [
      dynamic({ dns_cache_config: { name: 'n', max_hosts: 0 } }),
      `${typed}.dns_cache_config.max_hosts: must be more than 0`,
    ],
    [
      dynamic({ dns_cache_config: { name: 'n', dns_min_refresh_rate: '0.5s' } }),
      `${typed}.dns_cache_config.dns_min_refresh_rate: is less than a second`,
    ],
    [
      dynamic({ dns_cache_config: { name: 'n' } }, { upstream_http_protocol_options: { auto_sni: true } }),
      'upstream_http_protocol_options: must have auto_sni and auto_san_validation',
    ],
  ])('refuses %j', (message, wants) => {
    expect(() => cluster(message)).toThrow(wants);
  });
});
