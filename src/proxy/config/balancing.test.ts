import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { LeastRequestSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { RandomSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import { WrrLocalitySchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import { cluster, packed } from '../testing/resources.ts';
import type { ClusterConfig } from './types.ts';

const struct = (type: string, value: JsonObject) => ({
  '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
  type_url: `type.googleapis.com/tulle.${type}`,
  value,
});
const typedPolicies = (...configs: JsonObject[]) => ({
  load_balancing_policy: {
    policies: configs.map((typed_config, i) => ({ typed_extension_config: { name: `p${i}`, typed_config } })),
  },
});

const warming = { window: 60_000, aggression: 2, aggressionKey: 'k', minWeightPercent: 10 };
const hashing = { key: 'address', balanceFactor: 0 } as const;

test.each<[name: string, change: JsonObject, wants: Partial<ClusterConfig>]>([
  [
    'least request',
    { lb_policy: 'LEAST_REQUEST' },
    { balancing: { kind: 'least-request', choices: 2, bias: 1, biasKey: '', fullScan: false, slowStart: null } },
  ],
  [
    'ring',
    { lb_policy: 'RING_HASH' },
    { balancing: { kind: 'ring-hash', minimumRingSize: 1024, maximumRingSize: 8_388_608, hash: 'xx', ...hashing } },
  ],
  [
    'maglev',
    { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '251' } },
    { balancing: { kind: 'maglev', tableSize: 251, ...hashing } },
  ],
  [
    'slow start',
    {
      round_robin_lb_config: {
        slow_start_config: { slow_start_window: '60s', aggression: { default_value: 2, runtime_key: 'k' } },
      },
    },
    { balancing: { kind: 'round-robin', slowStart: warming } },
  ],
  [
    'ring of hostnames, bounded',
    {
      type: 'STRICT_DNS',
      load_assignment: {},
      lb_policy: 'RING_HASH',
      ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2', minimum_ring_size: '1' },
      common_lb_config: {
        consistent_hashing_lb_config: { use_hostname_for_hashing: true, hash_balance_factor: 150 },
      },
    },
    {
      balancing: {
        kind: 'ring-hash',
        minimumRingSize: 1,
        maximumRingSize: 8_388_608,
        hash: 'murmur2',
        key: 'hostname',
        balanceFactor: 150,
      },
    },
  ],
  [
    'localities by weight',
    { common_lb_config: { locality_weighted_lb_config: {} } },
    { localities: { kind: 'weighted' } },
  ],
  [
    'localities by zone',
    { common_lb_config: { zone_aware_lb_config: { routing_enabled: { value: 50 }, fail_traffic_on_panic: true } } },
    {
      localities: {
        kind: 'zone-aware',
        minClusterSize: 6,
        routedPercent: 50,
        failOnPanic: true,
        forceDirect: false,
      },
    },
  ],
  [
    'subsets',
    {
      lb_subset_config: {
        fallback_policy: 'DEFAULT_SUBSET',
        default_subset: { stage: 'prod' },
        subset_selectors: [
          { keys: ['version', 'stage'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['stage'] },
          { keys: ['id'], single_host_per_subset: true },
          { keys: ['x'], fallback_policy: 'NO_FALLBACK' },
        ],
        list_as_any: true,
        metadata_fallback_policy: 'FALLBACK_LIST',
      },
    },
    {
      subsets: {
        fallback: 'default',
        defaultSubset: { stage: 'prod' },
        selectors: [
          { keys: ['stage', 'version'], singleHost: false, fallback: { keys: ['stage'] } },
          { keys: ['id'], singleHost: true, fallback: null },
          { keys: ['x'], singleHost: false, fallback: 'none' },
        ],
        localityWeightAware: false,
        scaleLocalityWeight: false,
        panicModeAny: false,
        listAsAny: true,
        metadataFallback: true,
      },
    },
  ],
  [
    'the first policy that is known',
    typedPolicies(
      struct('unheard.of.Policy', {}),
      struct('load_balancing_policies.peak_ewma.v1.PeakEwma', { decay: '5s' }),
      packed(RandomSchema),
    ),
    { balancing: { kind: 'peak-ewma', decay: 5000, defaultRtt: 30 } },
  ],
  [
    'a typed policy inside another',
    typedPolicies(
      packed(WrrLocalitySchema, {
        endpoint_picking_policy: typedPolicies(
          packed(LeastRequestSchema, { choice_count: 3, selection_method: 'FULL_SCAN' }),
        ).load_balancing_policy,
      }),
    ),
    {
      balancing: { kind: 'least-request', choices: 3, bias: 1, biasKey: '', fullScan: true, slowStart: null },
      localities: { kind: 'weighted' },
    },
  ],
])('%s', (_name, change, wants) => {
  expect(cluster(change)).toMatchObject(wants);
});

test.each<[change: JsonObject, wants: string]>([
  [{ lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '250' } }, 'maglev_lb_config.table_size: must be a prime'],
  [
    { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: '9000000' } },
    'ring_hash_lb_config.minimum_ring_size: ',
  ],
  [
    { common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 99 } }, lb_policy: 'MAGLEV' },
    'maglev_lb_config.hash_balance_factor: 99 is less than 100',
  ],
  [
    { lb_subset_config: { subset_selectors: [{ keys: ['a', 'b'], single_host_per_subset: true }] } },
    'lb_subset_config.subset_selectors[0].single_host_per_subset: must have a single key',
  ],
  [
    {
      lb_subset_config: {
        subset_selectors: [{ keys: ['a'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['b'] }],
      },
    },
    'lb_subset_config.subset_selectors[0].fallback_keys_subset: must be some of the keys',
  ],
  [typedPolicies(struct('unheard.of.Policy', {})), 'load_balancing_policy.policies: none of [p0] is supported'],
  [
    typedPolicies(struct('load_balancing_policies.peak_ewma.v1.PeakEwma', { half_life: '5s' })),
    'load_balancing_policy.policies[0].typed_extension_config.typed_config.value.half_life: is not known',
  ],
  [
    typedPolicies(struct('load_balancing_policies.peak_ewma.v1.PeakEwma', { decay: '5' })),
    'load_balancing_policy.policies[0].typed_extension_config.typed_config.value.decay: is no duration',
  ],
])('refuses %j', (change, wants) => {
  expect(() => cluster(change)).toThrow(wants);
});
