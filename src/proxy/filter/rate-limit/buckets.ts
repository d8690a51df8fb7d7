// The token buckets of one local rate limit: one for all requests, and one for each kind that has its own.

import type { RateLimitDescriptor } from '../../../xds/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import type { LocalRateLimit } from '../../../xds/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import type { TokenBucket as TokenBucketMessage } from '../../../xds/gen/envoy/type/v3/token_bucket_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { millis } from '../../config/values.ts';
import { type Entry, sameEntries } from './rule.ts';
import { TokenBucket, type TokenBucketConfig } from './token-bucket.ts';

export type BucketsConfig = {
  readonly all: TokenBucketConfig | null;
  readonly kinds: readonly { readonly entries: RateLimitDescriptor['entries']; readonly bucket: TokenBucketConfig }[];
  /** Requests that have a bucket of their own count in the one for all too. */
  readonly alwaysAll: boolean;
};

/** `bucket` is the one that decided; null where there was none. */
export type Taken = { readonly allowed: boolean; readonly bucket: TokenBucket | null };

/** Envoy's least. */
const SHORTEST_INTERVAL = 50;

export class Buckets {
  readonly #config: BucketsConfig;
  readonly #all: TokenBucket | null;
  readonly #kinds: readonly TokenBucket[];

  /** `workers`: threads that have such buckets, and share the tokens out. */
  constructor(config: BucketsConfig, now: number, workers: number) {
    this.#config = config;
    this.#all = config.all === null ? null : new TokenBucket(config.all, now, workers);
    this.#kinds = config.kinds.map(({ bucket }) => new TokenBucket(bucket, now, workers));
  }

  /** The slowest bucket is asked first; the first without a token refuses. */
  take(descriptors: readonly (readonly Entry[])[], now: number): Taken {
    const matched = this.#kinds
      .filter((_, i) => descriptors.some((entries) => sameEntries(entries, this.#config.kinds[i]!.entries)))
      .sort((a, b) => a.config.rate - b.config.rate);
    for (const bucket of matched) if (!bucket.take(now)) return { allowed: false, bucket };
    const [first] = matched;
    if (first !== undefined && !this.#config.alwaysAll) return { allowed: true, bucket: first };
    if (this.#all !== null && !this.#all.take(now)) return { allowed: false, bucket: this.#all };
    return { allowed: true, bucket: first ?? this.#all };
  }
}

export function compileBuckets(config: LocalRateLimit, path: string): BucketsConfig {
  const all = config.tokenBucket === undefined ? null : compileBucket(config.tokenBucket, at(path, 'token_bucket'));
  const kinds = mapAt(config.descriptors, at(path, 'descriptors'), ({ entries, tokenBucket }, here) => {
    if (entries.length === 0) throw new ConfigError(at(here, 'entries'), 'is empty');
    mapAt(entries, at(here, 'entries'), ({ key, value }, where) => {
      if (key === '') throw new ConfigError(at(where, 'key'), 'is empty');
      if (value === '') throw new ConfigError(at(where, 'value'), 'that matches any value is not supported');
    });
    return { entries, bucket: compileBucket(tokenBucket, at(here, 'token_bucket')) };
  });
  return { all, kinds, alwaysAll: config.alwaysConsumeDefaultTokenBucket ?? true };
}

function compileBucket(bucket: TokenBucketMessage | undefined, path: string): TokenBucketConfig {
  if (bucket === undefined) throw new ConfigError(path, 'is required');
  if (bucket.maxTokens === 0) throw new ConfigError(at(path, 'max_tokens'), 'must be more than 0');
  const perFill = bucket.tokensPerFill ?? 1;
  if (perFill === 0) throw new ConfigError(at(path, 'tokens_per_fill'), 'must be more than 0');
  if (bucket.fillInterval === undefined) throw new ConfigError(at(path, 'fill_interval'), 'is required');
  const interval = millis(bucket.fillInterval, 0, at(path, 'fill_interval'));
  if (interval < SHORTEST_INTERVAL)
    throw new ConfigError(at(path, 'fill_interval'), `must be at least ${SHORTEST_INTERVAL} ms`);
  return { capacity: bucket.maxTokens, rate: perFill / interval };
}
