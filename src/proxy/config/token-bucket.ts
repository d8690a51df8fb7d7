// TokenBucket (the message) → how much a bucket holds and how fast it fills.
import type { TokenBucketConfig } from '../../lib/token-bucket.ts';
import type { TokenBucket } from '../../xds/gen/envoy/type/v3/token_bucket_pb.ts';
import { at, ConfigError } from './config-error.ts';
import { millis } from './values.ts';

/** Envoy's shortest, in milliseconds. */
const SHORTEST_INTERVAL = 50;

export function decodeBucket(bucket: TokenBucket | undefined, path: string): TokenBucketConfig {
  if (bucket === undefined) throw new ConfigError(path, 'is required');
  if (bucket.maxTokens === 0) throw new ConfigError(at(path, 'max_tokens'), 'must be more than 0');
  const perFill = bucket.tokensPerFill ?? 1;
  if (perFill === 0) throw new ConfigError(at(path, 'tokens_per_fill'), 'must be more than 0');
  if (bucket.fillInterval === undefined) throw new ConfigError(at(path, 'fill_interval'), 'is required');
  const interval = millis(bucket.fillInterval, 0, at(path, 'fill_interval'));
  if (interval < SHORTEST_INTERVAL) {
    throw new ConfigError(at(path, 'fill_interval'), `must be at least ${SHORTEST_INTERVAL} ms`);
  }
  return { capacity: bucket.maxTokens, rate: perFill / interval };
}
