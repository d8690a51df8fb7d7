// The policies that choose one endpoint of many, from either of the messages that configure them.
import type { Duration } from '@bufbuild/protobuf/wkt';
import type { PolicyConfig } from './cluster-types.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeSlowStart, type RuntimeDoubleMessage, type SlowStartMessage, tunable } from './slow-start.ts';
import { millis } from './values.ts';

const RING = { minimum: 1024n, maximum: 8_388_608n };
const MAGLEV = { size: 65_537n, largest: 5_000_011n };

type LeastRequestMessage = {
  readonly choiceCount?: number | undefined;
  readonly activeRequestBias?: RuntimeDoubleMessage | undefined;
  readonly slowStartConfig?: SlowStartMessage | undefined;
};
type HashingMessage = {
  readonly useHostnameForHashing: boolean;
  readonly hashBalanceFactor?: number | undefined;
};
type RingMessage = { readonly minimumRingSize?: bigint | undefined; readonly maximumRingSize?: bigint | undefined };
type ReportedLoadMessage = {
  readonly enableOobLoadReport?: boolean | undefined;
  readonly oobReportingPeriod?: Duration | undefined;
  readonly blackoutPeriod?: Duration | undefined;
  readonly weightExpirationPeriod?: Duration | undefined;
  readonly weightUpdatePeriod?: Duration | undefined;
  readonly errorUtilizationPenalty?: number | undefined;
  readonly metricNamesForComputingUtilization: readonly string[];
  readonly slowStartConfig?: SlowStartMessage | undefined;
};
type Of<Kind> = Extract<PolicyConfig, { kind: Kind }>;

export function leastRequestPolicy(
  message: LeastRequestMessage | undefined,
  path: string,
  fullScan = false,
): Of<'least-request'> {
  const choices = message?.choiceCount ?? 2;
  const bias = tunable(message?.activeRequestBias, 1, at(path, 'active_request_bias'));
  if (choices < 2) throw new ConfigError(at(path, 'choice_count'), `${choices} is less than 2`);
  return {
    kind: 'least-request',
    choices,
    bias: sensibleBias(bias.value),
    biasKey: bias.key,
    fullScan,
    slowStart: decodeSlowStart(message?.slowStartConfig, at(path, 'slow_start_config')),
  };
}

/** Envoy takes a negative one for 1. */
export function sensibleBias(value: number): number {
  return value >= 0 ? value : 1;
}

export function reportedLoadPolicy(message: ReportedLoadMessage, path: string): Of<'reported-load'> {
  const errorPenalty = message.errorUtilizationPenalty ?? 0;
  if (!(errorPenalty >= 0)) throw new ConfigError(at(path, 'error_utilization_penalty'), 'must be 0 or more');
  return {
    kind: 'reported-load',
    blackout: millis(message.blackoutPeriod, 10_000, at(path, 'blackout_period')),
    expiration: millis(message.weightExpirationPeriod, 180_000, at(path, 'weight_expiration_period')),
    updatePeriod: millis(message.weightUpdatePeriod, 1_000, at(path, 'weight_update_period')),
    streamPeriod: message.enableOobLoadReport
      ? millis(message.oobReportingPeriod, 10_000, at(path, 'oob_reporting_period'))
      : null,
    errorPenalty,
    metrics: message.metricNamesForComputingUtilization,
    slowStart: decodeSlowStart(message.slowStartConfig, at(path, 'slow_start_config')),
  };
}

export function ringPolicy(
  ring: RingMessage | undefined,
  hash: 'xx' | 'murmur2',
  hashing: HashingMessage | undefined,
  path: string,
): Of<'ring-hash'> {
  const minimum = ring?.minimumRingSize ?? RING.minimum;
  const maximum = ring?.maximumRingSize ?? RING.maximum;
  if (maximum > RING.maximum || maximum < 1n) {
    throw new ConfigError(at(path, 'maximum_ring_size'), `must be 1 to ${RING.maximum}`);
  }
  if (minimum > maximum) throw new ConfigError(at(path, 'minimum_ring_size'), 'is over the maximum');
  return {
    kind: 'ring-hash',
    minimumRingSize: Number(minimum),
    maximumRingSize: Number(maximum),
    hash,
    ...hashed(hashing, path),
  };
}

export function maglevPolicy(
  maglev: { readonly tableSize?: bigint | undefined } | undefined,
  hashing: HashingMessage | undefined,
  path: string,
): Of<'maglev'> {
  const size = maglev?.tableSize ?? MAGLEV.size;
  if (size > MAGLEV.largest || !isPrime(Number(size))) {
    throw new ConfigError(at(path, 'table_size'), `must be a prime up to ${MAGLEV.largest}`);
  }
  return { kind: 'maglev', tableSize: Number(size), ...hashed(hashing, path) };
}

function hashed(
  hashing: HashingMessage | undefined,
  path: string,
): { readonly key: 'hostname' | 'address'; readonly balanceFactor: number } {
  const balanceFactor = hashing?.hashBalanceFactor ?? 0;
  if (hashing?.hashBalanceFactor !== undefined && balanceFactor < 100) {
    throw new ConfigError(at(path, 'hash_balance_factor'), `${balanceFactor} is less than 100`);
  }
  return { key: hashing?.useHostnameForHashing ? 'hostname' : 'address', balanceFactor };
}

function isPrime(value: number): boolean {
  if (value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}
