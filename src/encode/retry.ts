// Retry policies of routes.
import { create } from '@bufbuild/protobuf';
import type { RetryPolicy } from '../model/route.ts';
import {
  type RetryPolicy as EncodedRetryPolicy,
  RetryPolicySchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { any, duration } from './values.ts';

/** A budget is kept by the cluster, for all its requests; one request takes at most this many of it. */
const budgetRetries = 3;

export function retryPolicy({ limit, on, statuses, perTryTimeout, backoff }: RetryPolicy): EncodedRetryPolicy {
  const words = statuses.length > 0 && !on.includes(byStatus) ? [...on, byStatus] : on;
  return create(RetryPolicySchema, {
    retryOn: words.join(','),
    numRetries: limit.kind === 'attempts' ? limit.retries : budgetRetries,
    retriableStatusCodes: [...statuses],
    ...(perTryTimeout.kind === 'set' ? { perTryTimeout: duration(perTryTimeout.value) } : {}),
    ...(backoff === null
      ? {}
      : {
          retryBackOff: {
            baseInterval: duration(Math.max(1, backoff.base)),
            maxInterval: duration(Math.max(1, backoff.base, backoff.max)),
          },
        }),
    // Another endpoint first, as Istio does.
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        configType: { case: 'typedConfig', value: any(PreviousHostsPredicateSchema, {}) },
      },
    ],
    hostSelectionRetryMaxAttempts: 5n,
  });
}

const byStatus = 'retriable-status-codes';
