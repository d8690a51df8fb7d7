// RetryPolicy → what the router asks after each attempt.
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  RetryPolicy_ResetHeaderFormat as ResetFormat,
  type RetryPolicy_RateLimitedRetryBackOff,
  type RetryPolicy_RetryBackOff,
  type RetryPolicy as RetryPolicyMessage,
  type RetryPolicy_RetryPriority as RetryPriority,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { OmitCanaryHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts_pb.ts';
import { OmitHostMetadataConfigSchema } from '../../xds/gen/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts';
import { PreviousHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { PreviousPrioritiesConfigSchema } from '../../xds/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
import type { Endpoint, PickContext } from '../balance/balancer.ts';
import { typeNameOf, unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { millis, positiveMillis } from '../config/values.ts';
import type { RequestHead } from '../http/message.ts';
import { omitsByMetadata } from './host-metadata.ts';
import { compileHeader, compileResponseHeader } from './match/header-matcher.ts';
import { compileRetriable, parseRetryOn, type RetriableResponses } from './retry-on.ts';
import type { AttemptOutcome } from './table.ts';

export type RetryPolicy = {
  readonly retries: number;
  readonly backoff: { readonly base: number; readonly max: number };
  /** An upstream that says when it will answer again is believed; null: it is not asked. */
  readonly rateLimited: RateLimitedBackOff | null;
  /** How often an endpoint is given back for one that `avoidsTried` or `rejects` does not object to. */
  readonly reselect: number;
  readonly avoidsTried: boolean;
  readonly rejects: PickContext['rejects'];
  /** After so many tries each, priorities that were tried are left alone; null: they are not. */
  readonly leavesPriorities: number | null;
  /** Requests that are retried at all; null: every one. */
  readonly onlyFor: ((request: RequestHead) => boolean) | null;
  /** What `retriable` was made of, for requests whose headers add to it. */
  readonly words: ReadonlySet<string>;
  readonly responses: RetriableResponses;
  /** Whether this outcome may be retried. Limits are the router's business. */
  retriable(outcome: AttemptOutcome): boolean;
};

export type RateLimitedBackOff = {
  /** Asked in order; the first with a usable value up to `max` milliseconds counts. */
  readonly headers: readonly { readonly name: string; readonly format: 'seconds' | 'timestamp' }[];
  readonly max: number;
};

const BASE_INTERVAL = 25;
const LONGEST_RESET = 300_000;

export function compileRetryPolicy(policy: RetryPolicyMessage, path: string): RetryPolicy {
  const { words, unknown } = parseRetryOn(policy.retryOn);
  if (unknown.length > 0) throw new ConfigError(at(path, 'retry_on'), `${unknown[0]} is not known`);
  const headers = mapAt(policy.retriableHeaders, at(path, 'retriable_headers'), compileResponseHeader);
  const responses = {
    statusCodes: new Set(policy.retriableStatusCodes),
    matchesHeaders: (status, map) => headers.some((matches) => matches(status, map)),
  } satisfies RetriableResponses;
  return {
    retries: policy.numRetries ?? 1,
    backoff: compileBackOff(policy.retryBackOff, at(path, 'retry_back_off')),
    rateLimited: compileRateLimited(policy.rateLimitedRetryBackOff, at(path, 'rate_limited_retry_back_off')),
    ...compileReselect(policy, path),
    leavesPriorities: compilePriority(policy.retryPriority, at(path, 'retry_priority')),
    onlyFor: compileOnlyFor(policy, path),
    words,
    responses,
    retriable: compileRetriable(words, responses),
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

function compileRateLimited(
  backOff: RetryPolicy_RateLimitedRetryBackOff | undefined,
  path: string,
): RateLimitedBackOff | null {
  if (backOff === undefined) return null;
  const headers = mapAt(backOff.resetHeaders, at(path, 'reset_headers'), ({ name, format }, here) => {
    if (name === '') throw new ConfigError(at(here, 'name'), 'is empty');
    if (format !== ResetFormat.SECONDS && format !== ResetFormat.UNIX_TIMESTAMP) {
      throw new ConfigError(at(here, 'format'), 'is not known');
    }
    return { name: name.toLowerCase(), format: format === ResetFormat.SECONDS ? 'seconds' : 'timestamp' } as const;
  });
  if (headers.length === 0) throw new ConfigError(at(path, 'reset_headers'), 'is empty');
  return { headers, max: positiveMillis(backOff.maxInterval, LONGEST_RESET, at(path, 'max_interval')) };
}

/** Without a predicate every endpoint may be picked again. */
function compileReselect(
  policy: RetryPolicyMessage,
  path: string,
): Pick<RetryPolicy, 'reselect' | 'avoidsTried' | 'rejects'> {
  const predicates = mapAt(policy.retryHostPredicate, at(path, 'retry_host_predicate'), ({ configType }, here) =>
    compilePredicate(configType.value, at(here, 'typed_config')),
  );
  const rejecting = predicates.filter((predicate) => predicate !== 'tried');
  return {
    reselect: predicates.length === 0 ? 0 : Number(policy.hostSelectionRetryMaxAttempts) || 1,
    avoidsTried: rejecting.length < predicates.length,
    rejects: rejecting.length === 0 ? null : (endpoint) => rejecting.some((rejects) => rejects(endpoint)),
  };
}

function compilePredicate(config: Any | undefined, path: string): 'tried' | ((endpoint: Endpoint) => boolean) {
  switch (config === undefined ? '' : typeNameOf(config)) {
    case OmitCanaryHostsPredicateSchema.typeName:
      unpack(config, OmitCanaryHostsPredicateSchema, path);
      return omitsByMetadata({ 'envoy.lb': { canary: true } });
    case OmitHostMetadataConfigSchema.typeName:
      return omitsByMetadata(unpack(config, OmitHostMetadataConfigSchema, path).metadataMatch?.filterMetadata ?? {});
    default:
      unpack(config, PreviousHostsPredicateSchema, path);
      return 'tried';
  }
}

function compilePriority(priority: RetryPriority | undefined, path: string): RetryPolicy['leavesPriorities'] {
  if (priority === undefined) return null;
  const here = at(path, 'typed_config');
  const { updateFrequency } = unpack(priority.configType.value, PreviousPrioritiesConfigSchema, here);
  if (updateFrequency <= 0) throw new ConfigError(at(here, 'update_frequency'), 'must be more than 0');
  return updateFrequency;
}

/** One that matches is enough. */
function compileOnlyFor(policy: RetryPolicyMessage, path: string): RetryPolicy['onlyFor'] {
  const tests = mapAt(policy.retriableRequestHeaders, at(path, 'retriable_request_headers'), compileHeader);
  return tests.length === 0 ? null : (request) => tests.some((test) => test(request));
}

/** Of the two timeouts that a policy has for each try. */
export function tryTimeouts(
  policy: RetryPolicyMessage | undefined,
  path: string,
): { perTryTimeout: number; perTryIdleTimeout: number } {
  return {
    perTryTimeout: millis(policy?.perTryTimeout, 0, at(path, 'per_try_timeout')),
    perTryIdleTimeout: millis(policy?.perTryIdleTimeout, 0, at(path, 'per_try_idle_timeout')),
  };
}

/** Envoy's defaults, with the limits of another policy, for a request that is not to be retried (yet). */
export function retryNever(policy: RetryPolicy | null): RetryPolicy {
  if (policy !== null) return { ...policy, retriable: () => false };
  return {
    retries: 1,
    backoff: { base: BASE_INTERVAL, max: BASE_INTERVAL * 10 },
    rateLimited: null,
    reselect: 0,
    avoidsTried: false,
    rejects: null,
    leavesPriorities: null,
    onlyFor: null,
    words: new Set(),
    responses: { statusCodes: new Set(), matchesHeaders: () => false },
    retriable: () => false,
  };
}
