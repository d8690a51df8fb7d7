// RetryPolicy → what the router asks after each attempt.

import type {
  RetryPolicy_RetryBackOff,
  RetryPolicy as RetryPolicyMessage,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { millis, positiveMillis } from '../config/values.ts';
import { compileResponseHeader } from './match/header-matcher.ts';
import { compileRetriable, parseRetryOn } from './retry-on.ts';
import type { RetryPolicy } from './table.ts';

const BASE_INTERVAL = 25;

export function compileRetryPolicy(policy: RetryPolicyMessage | undefined, path: string): RetryPolicy | null {
  if (policy === undefined) return null;
  const { words, unknown } = parseRetryOn(policy.retryOn);
  if (unknown.length > 0) throw new ConfigError(at(path, 'retry_on'), `${unknown[0]} is not known`);
  const headers = mapAt(policy.retriableHeaders, at(path, 'retriable_headers'), compileResponseHeader);
  return {
    retries: policy.numRetries ?? 1,
    perTryTimeout: millis(policy.perTryTimeout, 0, at(path, 'per_try_timeout')),
    backoff: compileBackOff(policy.retryBackOff, at(path, 'retry_back_off')),
    reselect: compileReselect(policy, path),
    retriable: compileRetriable(words, {
      statusCodes: new Set(policy.retriableStatusCodes),
      matchesHeaders: (status, map) => headers.some((matches) => matches(status, map)),
    }),
  };
}

function compileBackOff(backOff: RetryPolicy_RetryBackOff | undefined, path: string): RetryPolicy['backoff'] {
  if (backOff !== undefined && backOff.baseInterval === undefined) {
    throw new ConfigError(at(path, 'base_interval'), 'is required');
  }
  const base = positiveMillis(backOff?.baseInterval, BASE_INTERVAL, at(path, 'base_interval'));
  const max = positiveMillis(backOff?.maxInterval, base * 10, at(path, 'max_interval'));
  if (max < base) throw new ConfigError(at(path, 'max_interval'), 'is less than base_interval');
  return { base, max };
}

/** Without a predicate every endpoint may be picked again. */
function compileReselect(policy: RetryPolicyMessage, path: string): number {
  mapAt(policy.retryHostPredicate, at(path, 'retry_host_predicate'), ({ configType }, here) =>
    unpack(configType.value, PreviousHostsPredicateSchema, at(here, 'typed_config')),
  );
  if (policy.retryHostPredicate.length === 0) return 0;
  return Number(policy.hostSelectionRetryMaxAttempts) || 1;
}
