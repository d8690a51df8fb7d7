// The token buckets of one local rate limit: one for all requests, and one for each kind that has its own.

import { TokenBucket, type TokenBucketConfig } from '../../../lib/token-bucket.ts';
import type { LocalRateLimitDescriptor } from '../../../xds/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import type { LocalRateLimit } from '../../../xds/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { decodeBucket } from '../../config/token-bucket.ts';
import type { Descriptor, Entry, LimitsShown } from './rule.ts';

/** An entry whose value is '' stands for any: each value that comes has a bucket of its own. */
type Kind = {
  readonly entries: readonly Entry[];
  readonly any: boolean;
  readonly bucket: TokenBucketConfig;
  /** What is refused passes all the same. */
  readonly shadow: boolean;
};

export type BucketsConfig = {
  readonly all: TokenBucketConfig | null;
  readonly kinds: readonly Kind[];
  /** Buckets of one kind that stands for any value; the one that was not used longest goes. */
  readonly mostValues: number;
  /** Requests that have a bucket of their own count in the one for all too. */
  readonly alwaysAll: boolean;
};

/** `bucket` is the one that decided; null where there was none. `shadow`: refused, but only so to speak. */
export type Taken = {
  readonly allowed: boolean;
  readonly shadow: boolean;
  readonly bucket: TokenBucket | null;
  readonly shows: LimitsShown;
};

type Matched = {
  readonly bucket: TokenBucket;
  readonly shadow: boolean;
  readonly shows: LimitsShown;
  /** Tokens that the request takes. */
  readonly hits: number;
};

/** Envoy's default. */
const MOST_VALUES = 20;

export class Buckets {
  readonly #config: BucketsConfig;
  readonly #workers: number;
  readonly #all: TokenBucket | null;
  /** Of each kind by its values; a kind without any has one. */
  readonly #kinds: readonly Map<string, TokenBucket>[];

  /** `workers`: threads that have such buckets, and share the tokens out. */
  constructor(config: BucketsConfig, now: number, workers: number) {
    this.#config = config;
    this.#workers = workers;
    this.#all = config.all === null ? null : new TokenBucket(config.all, now, workers);
    this.#kinds = config.kinds.map(() => new Map());
  }

  /** The slowest bucket is asked first; the first without a token refuses. */
  take(descriptors: readonly Descriptor[], now: number): Taken {
    const matched = this.#config.kinds
      .flatMap((kind, i) => this.#match(kind, this.#kinds[i]!, descriptors, now))
      .sort((a, b) => a.bucket.config.rate - b.bucket.config.rate);
    // To take nothing is to be refused, as by Envoy.
    for (const one of matched) if (one.hits === 0 || !one.bucket.take(now, one.hits)) return { allowed: false, ...one };
    const [first] = matched;
    if (first !== undefined && !this.#config.alwaysAll) return { allowed: true, ...first, shadow: false };
    if (this.#all !== null && !this.#all.take(now)) return { allowed: false, ...common(this.#all) };
    return { allowed: true, ...(first ?? common(this.#all)), shadow: false };
  }

  #match(kind: Kind, buckets: Map<string, TokenBucket>, descriptors: readonly Descriptor[], now: number): Matched[] {
    const descriptor = descriptors.find(({ entries }) => fits(entries, kind.entries));
    if (descriptor === undefined) return [];
    const values = kind.any ? JSON.stringify(descriptor.entries.map(({ value }) => value)) : '';
    const bucket = buckets.get(values) ?? new TokenBucket(kind.bucket, now, this.#workers);
    // Again at the end: the first is the one that was not used longest.
    buckets.delete(values);
    buckets.set(values, bucket);
    if (buckets.size > this.#config.mostValues) buckets.delete(buckets.keys().next().value!);
    const hits = Number(descriptor.hits?.count ?? 1n);
    return [{ bucket, shadow: kind.shadow, shows: descriptor.shows, hits }];
  }
}

function common(bucket: TokenBucket | null) {
  return { bucket, shadow: false, shows: 'as-configured' } as const;
}

function fits(entries: readonly Entry[], kind: readonly Entry[]): boolean {
  if (entries.length !== kind.length) return false;
  return entries.every(
    ({ key, value }, i) => key === kind[i]!.key && (kind[i]!.value === '' || value === kind[i]!.value),
  );
}

export function compileBuckets(config: LocalRateLimit, path: string): BucketsConfig {
  return {
    all: config.tokenBucket === undefined ? null : decodeBucket(config.tokenBucket, at(path, 'token_bucket')),
    kinds: mapAt(config.descriptors, at(path, 'descriptors'), compileKind),
    mostValues: compileMostValues(config.maxDynamicDescriptors, at(path, 'max_dynamic_descriptors')),
    alwaysAll: config.alwaysConsumeDefaultTokenBucket ?? true,
  };
}

function compileMostValues(most: number | undefined, path: string): number {
  if (most === 0) throw new ConfigError(path, 'must be more than 0');
  return most ?? MOST_VALUES;
}

function compileKind({ entries, tokenBucket, shadowMode }: LocalRateLimitDescriptor, path: string): Kind {
  if (entries.length === 0) throw new ConfigError(at(path, 'entries'), 'is empty');
  mapAt(entries, at(path, 'entries'), ({ key }, where) => {
    if (key === '') throw new ConfigError(at(where, 'key'), 'is empty');
  });
  return {
    entries,
    any: entries.some(({ value }) => value === ''),
    bucket: decodeBucket(tokenBucket, at(path, 'token_bucket')),
    shadow: shadowMode,
  };
}
