// RetryPolicy of a call of the proxy's own → when and how often it is repeated.
import type { RetryPolicy } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { CallRetry } from '../client/repeated.ts';
import { compileRetriable, parseRetryOn } from '../route/retry-on.ts';
import { at, ConfigError } from './config-error.ts';
import { positiveMillis } from './values.ts';

/** `words`: of `retry_on`, where the policy says none. */
export function compileCallRetry(policy: RetryPolicy | undefined, words: string, path: string): CallRetry | null {
  if (policy === undefined) return null;
  const on = parseRetryOn(policy.retryOn || words);
  if (on.unknown.length > 0) throw new ConfigError(at(path, 'retry_on'), `${on.unknown[0]} is not known`);
  const retriable = compileRetriable(on.words, { statusCodes: new Set(), matchesHeaders: () => false });
  const here = at(path, 'retry_back_off');
  const base = positiveMillis(policy.retryBackOff?.baseInterval, 1_000, at(here, 'base_interval'));
  const max = positiveMillis(policy.retryBackOff?.maxInterval, base * 10, at(here, 'max_interval'));
  if (max < base) throw new ConfigError(at(here, 'max_interval'), 'is less than base_interval');
  return { retries: policy.numRetries ?? 1, base, max, retriable };
}
