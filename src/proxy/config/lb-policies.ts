// `load_balancing_policy`: a list of typed policies, of which the first that is known here is used, and policies that hold others.
import type { Any } from '@bufbuild/protobuf/wkt';
import type {
  LoadBalancingPolicy,
  LoadBalancingPolicy_Policy,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClientSideWeightedRoundRobinSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts';
import {
  LeastRequest_SelectionMethod,
  LeastRequestSchema,
} from '../../xds/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { MaglevSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts';
import { OverrideHostSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts';
import { RandomSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import {
  RingHash_HashFunction,
  RingHashSchema,
} from '../../xds/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts';
import { RoundRobinSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts';
import { SubsetSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts';
import { WrrLocalitySchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import { typeNameOf, unpack } from './any.ts';
import type { BalancingConfig } from './balancing.ts';
import type { PolicyConfig } from './cluster-types.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeLocalities, type LocalitySpecifier } from './localities.ts';
import { leastRequestPolicy, maglevPolicy, reportedLoadPolicy, ringPolicy } from './policies.ts';
import { decodeSlowStart } from './slow-start.ts';
import { decodeSubsets } from './subsets.ts';
import { durationReader, readStruct, structOf } from './typed-struct.ts';

/** Type of the TypedStruct that asks for Linkerd's balancer: `{ decay: "10s", default_rtt: "0.03s" }`. */
const PEAK_EWMA = 'tulle.load_balancing_policies.peak_ewma.v1.PeakEwma';

/** null: another type. `path` is that of the typed_config. */
type PolicyDecoder = (any: Any | undefined, path: string) => BalancingConfig | null;

const decoders: readonly PolicyDecoder[] = [
  decodeRoundRobin,
  decodeLeastRequest,
  decodeRandom,
  decodeRingHash,
  decodeMaglev,
  decodePeakEwma,
  decodeReportedLoad,
  decodeWrrLocality,
  decodeSubset,
  decodeOverrideHost,
];

export function decodePolicyList({ policies }: LoadBalancingPolicy, path: string): BalancingConfig {
  for (const [index, { typedExtensionConfig }] of policies.entries()) {
    const here = `${path}.policies[${index}].typed_extension_config`;
    if (typedExtensionConfig === undefined) throw new ConfigError(here, 'is required');
    const found = firstOf(typedExtensionConfig.typedConfig, at(here, 'typed_config'));
    if (found !== null) return found;
  }
  const names = policies.map(({ typedExtensionConfig: one }: LoadBalancingPolicy_Policy) => one?.name).join(', ');
  throw new ConfigError(at(path, 'policies'), `none of [${names}] is supported`);
}

function firstOf(any: Any | undefined, path: string): BalancingConfig | null {
  for (const decode of decoders) {
    const found = decode(any, path);
    if (found !== null) return found;
  }
  return null;
}

function decodeRoundRobin(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, RoundRobinSchema.typeName)) return null;
  const { slowStartConfig, localityLbConfig } = unpack(any, RoundRobinSchema, path);
  const slowStart = decodeSlowStart(slowStartConfig, at(path, 'slow_start_config'));
  return balancingOf({ kind: 'round-robin', slowStart }, localityLbConfig?.localityConfigSpecifier, path);
}

function decodeLeastRequest(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, LeastRequestSchema.typeName)) return null;
  const message = unpack(any, LeastRequestSchema, path);
  const fullScan =
    message.selectionMethod === LeastRequest_SelectionMethod.FULL_SCAN || message.enableFullScan === true;
  const policy = leastRequestPolicy(message, path, fullScan);
  return balancingOf(policy, message.localityLbConfig?.localityConfigSpecifier, path);
}

function decodeRandom(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, RandomSchema.typeName)) return null;
  const { localityLbConfig } = unpack(any, RandomSchema, path);
  return balancingOf({ kind: 'random' }, localityLbConfig?.localityConfigSpecifier, path);
}

function decodeRingHash(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, RingHashSchema.typeName)) return null;
  const message = unpack(any, RingHashSchema, path);
  const hash = message.hashFunction === RingHash_HashFunction.MURMUR_HASH_2 ? 'murmur2' : 'xx';
  const policy = ringPolicy(message, hash, message.consistentHashingLbConfig ?? message, path);
  return balancingOf(policy, weightedOr(message.localityWeightedLbConfig), path);
}

function decodeMaglev(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, MaglevSchema.typeName)) return null;
  const message = unpack(any, MaglevSchema, path);
  const policy = maglevPolicy(message, message.consistentHashingLbConfig, path);
  return balancingOf(policy, weightedOr(message.localityWeightedLbConfig), path);
}

function decodePeakEwma(any: Any | undefined, path: string): BalancingConfig | null {
  const struct = structOf(any, PEAK_EWMA, path);
  if (struct === null) return null;
  // Linkerd's defaults.
  const readers = { decay: durationReader(10_000), default_rtt: durationReader(30) };
  const { decay, default_rtt } = readStruct(struct, readers, path);
  return balancingOf({ kind: 'peak-ewma', decay, defaultRtt: default_rtt }, undefined, path);
}

function decodeReportedLoad(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, ClientSideWeightedRoundRobinSchema.typeName)) return null;
  const message = unpack(any, ClientSideWeightedRoundRobinSchema, path);
  return balancingOf(reportedLoadPolicy(message, path), undefined, path);
}

/** Locality weights around another policy. */
function decodeWrrLocality(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, WrrLocalitySchema.typeName)) return null;
  const { endpointPickingPolicy } = unpack(any, WrrLocalitySchema, path);
  const here = at(path, 'endpoint_picking_policy');
  if (endpointPickingPolicy === undefined) throw new ConfigError(here, 'is required');
  return { ...decodePolicyList(endpointPickingPolicy, here), localities: { kind: 'weighted' } };
}

function decodeSubset(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, SubsetSchema.typeName)) return null;
  const message = unpack(any, SubsetSchema, path);
  const here = at(path, 'subset_lb_policy');
  if (message.subsetLbPolicy === undefined) throw new ConfigError(here, 'is required');
  const inner = decodePolicyList(message.subsetLbPolicy, here);
  if (inner.subsets !== null) throw new ConfigError(here, 'is of subsets itself');
  return { ...inner, subsets: decodeSubsets(message, path) };
}

/** Endpoints that a header names, before another policy. */
function decodeOverrideHost(any: Any | undefined, path: string): BalancingConfig | null {
  if (!isA(any, OverrideHostSchema.typeName)) return null;
  const { overrideHostSources: sources, fallbackPolicy } = unpack(any, OverrideHostSchema, path);
  if (sources.length === 0) throw new ConfigError(at(path, 'override_host_sources'), 'is empty');
  const overrideHeaders = mapAt(sources, at(path, 'override_host_sources'), ({ header }, here) => {
    if (header === '') throw new ConfigError(at(here, 'header'), 'is empty');
    return header.toLowerCase();
  });
  const here = at(path, 'fallback_policy');
  if (fallbackPolicy === undefined) throw new ConfigError(here, 'is required');
  const inner = decodePolicyList(fallbackPolicy, here);
  if (inner.subsets !== null) throw new ConfigError(here, 'is of subsets');
  return { ...inner, overrideHeaders };
}

function isA(any: Any | undefined, typeName: string): boolean {
  return any !== undefined && typeNameOf(any) === typeName;
}

function weightedOr(weighted: object | undefined): LocalitySpecifier | undefined {
  return weighted === undefined ? undefined : { case: 'localityWeightedLbConfig' };
}

function balancingOf(
  balancing: PolicyConfig,
  localities: LocalitySpecifier | undefined,
  path: string,
): BalancingConfig {
  const here = at(path, 'locality_lb_config');
  return { balancing, localities: decodeLocalities(localities, here), subsets: null, overrideHeaders: [] };
}
