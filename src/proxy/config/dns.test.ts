import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DnsClusterSchema } from '../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { endpoint } from '../testing/configs.ts';
import { cluster, packed, socket } from '../testing/resources.ts';
import { plainAssignment } from './endpoints.ts';
import type { ClusterConfig } from './types.ts';

const host = { lb_endpoints: [{ endpoint: { address: socket() } }] };
const dns = {
  refresh: 5000,
  failureRefresh: null,
  respectTtl: false,
  jitter: 0,
  family: 'auto',
  waits: true,
  minimumRefresh: 0,
  resolver: null,
} as const;

test.each<[name: string, change: JsonObject, wants: Partial<ClusterConfig>]>([
  [
    'STRICT_DNS',
    { type: 'STRICT_DNS', load_assignment: {} },
    { discovery: { kind: 'strict-dns', assignment: plainAssignment([]), ...dns } },
  ],
  [
    'DNS in every detail',
    {
      type: 'STRICT_DNS',
      load_assignment: {},
      dns_refresh_rate: '9s',
      dns_failure_refresh_rate: { base_interval: '1s' },
      dns_jitter: '0.5s',
      respect_dns_ttl: true,
      dns_lookup_family: 'ALL',
      wait_for_warm_on_init: false,
    },
    {
      discovery: {
        kind: 'strict-dns',
        assignment: plainAssignment([]),
        refresh: 9000,
        failureRefresh: { base: 1000, max: 10_000 },
        respectTtl: true,
        waits: false,
        minimumRefresh: 0,
        resolver: null,
        jitter: 500,
        family: 'all',
      },
    },
  ],
  [
    'DNS by its typed cluster',
    {
      load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: socket() } }] }] },
      cluster_type: {
        name: 'envoy.clusters.dns',
        typed_config: packed(DnsClusterSchema, {
          dns_refresh_rate: '2s',
          dns_lookup_family: 'V4_ONLY',
          all_addresses_in_single_endpoint: true,
        }),
      },
    },
    {
      discovery: {
        ...dns,
        kind: 'logical-dns',
        assignment: plainAssignment([endpoint(8080)]),
        refresh: 2000,
        family: 'v4',
      },
    },
  ],
])('%s', (_name, change, wants) => {
  expect(cluster(change)).toMatchObject(wants);
});

test.each<[change: JsonObject, wants: string]>([
  [{ type: 'LOGICAL_DNS', load_assignment: { endpoints: [host, host] } }, 'load_assignment: must have one endpoint'],
])('refuses %j', (change, wants) => {
  expect(() => cluster(change)).toThrow(wants);
});
