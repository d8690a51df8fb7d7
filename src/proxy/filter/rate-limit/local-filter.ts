// The filter envoy.filters.http.local_ratelimit: requests are counted in this process.

import type { TokenBucket } from '../../../lib/token-bucket.ts';
import {
  VhRateLimitsOptions,
  XRateLimitHeadersRFCVersion,
} from '../../../xds/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { keyedShare } from '../../config/runtime-keys.ts';
import type { Downstream, Exchange } from '../../http/exchange.ts';
import { flag } from '../../http/flags.ts';
import { HeaderMap } from '../../http/headers.ts';
import { compileAdditions, type Edit } from '../../route/header-edits.ts';
import { compiler, type FilterKind, perScope } from '../define.ts';
import type { FilterScope, HttpFilter, LocalReply } from '../filter.ts';
import { Buckets, type BucketsConfig, compileBuckets, type Taken } from './buckets.ts';
import { describe, type HostOption, rulesOf } from './route-limits.ts';
import { compileRules, type Descriptor } from './rule.ts';

class LocalStats {
  enabled = 0;
  enforced = 0;
  rate_limited = 0;
  ok = 0;
  shadow_mode = 0;
}

const RESOURCE_EXHAUSTED = 8;
const HIGHEST_STAGE = 10;

/** A route's configuration is complete: it takes the place of the chain's. */
export const localRateLimit: FilterKind = {
  chain: compiler(LocalRateLimitSchema, createLocalRateLimit),
  route: compiler(LocalRateLimitSchema, createLocalRateLimit),
};

function createLocalRateLimit(config: LocalRateLimit, name: string, path: string): HttpFilter {
  if (config.statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  if (config.stage > HIGHEST_STAGE) throw new ConfigError(at(path, 'stage'), `must be at most ${HIGHEST_STAGE}`);
  const enabled = keyedShare(config.filterEnabled, 0);
  const enforced = keyedShare(config.filterEnforced, 0);
  const unenforced = compileAdditions(
    config.requestHeadersToAddWhenNotEnforced,
    at(path, 'request_headers_to_add_when_not_enforced'),
  );
  const take = compileTake(config, path);
  const refuse = compileRefusal(config, path);
  const showsLimits = config.enableXRatelimitHeaders === XRateLimitHeadersRFCVersion.DRAFT_VERSION_03;
  const isShown = ({ shows }: Taken) => shows === 'always' || (showsLimits && shows !== 'never');
  const statsOf = perScope((scope) =>
    scope.stats(`${config.statPrefix}.http_local_rate_limit`, () => new LocalStats()),
  );
  return {
    name,
    open(exchange, scope) {
      let taken: Taken | null = null;
      return {
        request: {
          head({ headers }) {
            if (scope.random() >= enabled(scope.runtime)) return undefined;
            const stats = statsOf(scope);
            stats.enabled += 1;
            taken = take(exchange, scope);
            stats[taken.allowed ? 'ok' : 'rate_limited'] += 1;
            if (taken.shadow) stats.shadow_mode += 1;
            if (taken.allowed || taken.shadow) return undefined;
            if (scope.random() < enforced(scope.runtime)) {
              stats.enforced += 1;
              return refuse(exchange, taken, scope.clock.now());
            }
            for (const edit of unenforced) edit(headers, exchange, null);
            return undefined;
          },
        },
        response: {
          head({ headers }) {
            if (taken !== null && isShown(taken)) showLimit(headers, taken, scope.clock.now());
            return undefined;
          },
        },
      };
    },
  };
}

type Take = (exchange: Exchange, scope: FilterScope) => Taken;

function compileTake(config: LocalRateLimit, path: string): Take {
  const buckets = compileBuckets(config, path);
  const rules = compileRules(config.rateLimits, at(path, 'rate_limits'));
  const option = hostOption(config.vhRateLimits, at(path, 'vh_rate_limits'));
  const describeRequest = (exchange: Exchange, scope: FilterScope): readonly Descriptor[] => {
    if (buckets.kinds.length === 0) return [];
    return describe(rules.length > 0 ? rules : rulesOf(exchange, option), exchange, config.stage, scope, null);
  };
  const find = config.localRateLimitPerDownstreamConnection ? perConnection(buckets) : shared(buckets);
  return (exchange, scope) => {
    const now = scope.clock.now();
    return find(exchange.downstream, now, scope.workers).take(describeRequest(exchange, scope), now);
  };
}

type Find = (downstream: Downstream, now: number, workers: number) => Buckets;

/** Made with the first request, because only then it is known what time it is. */
function shared(config: BucketsConfig): Find {
  let buckets: Buckets | null = null;
  return (_downstream, now, workers) => {
    buckets ??= new Buckets(config, now, workers);
    return buckets;
  };
}

function perConnection(config: BucketsConfig): Find {
  const all = new WeakMap<Downstream, Buckets>();
  return (downstream, now) => {
    const buckets = all.get(downstream) ?? new Buckets(config, now, 1);
    all.set(downstream, buckets);
    return buckets;
  };
}

function hostOption(option: VhRateLimitsOptions, path: string): HostOption {
  switch (option) {
    case VhRateLimitsOptions.OVERRIDE:
      return 'override';
    case VhRateLimitsOptions.INCLUDE:
      return 'include';
    case VhRateLimitsOptions.IGNORE:
      return 'ignore';
    default:
      throw new ConfigError(path, 'is not known');
  }
}

type Refuse = (exchange: Exchange, taken: Taken, now: number) => LocalReply;

function compileRefusal(config: LocalRateLimit, path: string): Refuse {
  const edits: readonly Edit[] = compileAdditions(config.responseHeadersToAdd, at(path, 'response_headers_to_add'));
  const code = config.status?.code ?? 0;
  // As in Envoy: a status that is no error stands for the usual one.
  const status = code < 400 ? 429 : code;
  return (exchange, { bucket }, now) => {
    const headers = new HeaderMap();
    if (config.enableRetryAfterHeader && bucket !== null) headers.set('retry-after', secondsToToken(bucket, now));
    for (const edit of edits) edit(headers, exchange, { status, headers });
    return {
      status,
      body: 'local_rate_limited',
      details: 'local_rate_limited',
      flags: flag.rateLimited,
      headers,
      ...(config.rateLimitedAsResourceExhausted ? { grpcStatus: RESOURCE_EXHAUSTED } : {}),
    };
  };
}

/** draft-polli-ratelimit-headers-03. */
function showLimit(headers: HeaderMap, { bucket }: Taken, now: number): void {
  if (bucket === null) return;
  headers.set('x-ratelimit-limit', String(bucket.config.capacity));
  headers.set('x-ratelimit-remaining', String(bucket.remaining(now)));
  headers.set('x-ratelimit-reset', secondsToToken(bucket, now));
}

function secondsToToken(bucket: TokenBucket, now: number): string {
  return String(Math.ceil(bucket.nextToken(now) / 1_000));
}
