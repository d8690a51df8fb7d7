// The filter envoy.filters.http.ratelimit: requests are counted by a service (envoy.service.ratelimit.v3).
import { create } from '@bufbuild/protobuf';
import {
  RateLimit_XRateLimitHeadersRFCVersion as HeaderVersion,
  RateLimitPerRoute_VhRateLimitsOptions as HostOptions,
  type RateLimit,
  type RateLimitPerRoute,
  RateLimitPerRouteSchema,
  RateLimitSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts';
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
  RateLimitService,
} from '../../../xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';
import type { GrpcTarget } from '../../client/grpc-stream.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { decodeUnaryService } from '../../config/grpc-service.ts';
import { type Keyed, keyedShare } from '../../config/runtime-keys.ts';
import { millis } from '../../config/values.ts';
import type { Exchange } from '../../http/exchange.ts';
import { flag } from '../../http/flags.ts';
import { HeaderMap } from '../../http/headers.ts';
import { compileAdditions, type Edit } from '../../route/header-edits.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import { type ClusterStats, chargeCluster, perCluster } from '../cluster-stats.ts';
import { compiler, type FilterKind, routeSettings } from '../define.ts';
import type { FilterScope, FilterStream, HeadOutcome, HttpFilter, LocalReply, StreamFilter } from '../filter.ts';
import { limitHeaders, retryAfter } from './limit-headers.ts';
import { describe, type HostOption, type Moment, rulesOf } from './route-limits.ts';
import { compileRules, type Descriptor, type RateLimitRule } from './rule.ts';

class ServiceStats {
  ok = 0;
  error = 0;
  over_limit = 0;
  failure_mode_allowed = 0;
}

/** What a route says. `rules`: instead of all others. */
type RouteSettings = {
  readonly option: HostOption;
  readonly domain: string;
  readonly rules: readonly RateLimitRule[];
};

type Config = {
  readonly target: GrpcTarget;
  readonly domain: string;
  readonly stage: number;
  /** Which requests count: by `x-envoy-internal`. */
  readonly requests: 'internal' | 'external' | 'both';
  readonly rules: readonly RateLimitRule[];
  /** Share of the requests that are refused when asking failed. */
  readonly deniesOnFailure: Keyed<number>;
  /** Where what the service notes goes. */
  readonly namespace: string;
  readonly statusOnError: number;
  readonly status: number;
  readonly asResourceExhausted: boolean;
  readonly showsLimits: boolean;
  readonly marksAnswer: boolean;
  /** A 429 tells when to come again. */
  readonly tellsWhen: boolean;
  readonly responseEdits: readonly Edit[];
  readonly enabled: Keyed<number>;
  readonly enforced: Keyed<number>;
  readonly statsOf: ClusterStats<ServiceStats>;
};

/** Milliseconds, Envoy's default. */
const TIMEOUT = 20;
const HIGHEST_STAGE = 10;
const RESOURCE_EXHAUSTED = 8;
const METHOD = RateLimitService.method.shouldRateLimit;
/** Filter state: how much the request as a whole counts for. */
const HITS = 'envoy.ratelimit.hits_addend';
const ofRoute = routeSettings<RouteSettings>();

export const rateLimit: FilterKind = {
  chain: compiler(RateLimitSchema, (config, name, path) => createRateLimit(compileConfig(config, path), name)),
  route: compiler(RateLimitPerRouteSchema, (config, name, path) => ofRoute.make(name, compileRoute(config, path))),
};

function createRateLimit(config: Config, name: string): HttpFilter {
  return {
    name,
    open(exchange, scope, stream) {
      if (scope.random() >= config.enabled(scope.runtime) || !counts(config, exchange)) return null;
      const settings = ofRoute.of(exchange, name);
      return new Question(config, settings ?? null, exchange, scope, stream);
    },
  };
}

function counts({ requests }: Config, { request }: Exchange): boolean {
  return requests === 'both' || (request.headers.get('x-envoy-internal') === 'true') === (requests === 'internal');
}

class Question implements StreamFilter {
  readonly #config: Config;
  readonly #settings: RouteSettings | null;
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  #answer: RateLimitResponse | null = null;
  #cancel: (() => void) | null = null;
  /** The verdict of a service that answers before `head` has returned. */
  #outcome: HeadOutcome;
  #inHead = false;

  constructor(
    config: Config,
    settings: RouteSettings | null,
    exchange: Exchange,
    scope: FilterScope,
    stream: FilterStream,
  ) {
    this.#config = config;
    this.#settings = settings;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
  }

  readonly request = {
    head: (): HeadOutcome => {
      const descriptors = this.#descriptors('request');
      if (descriptors.length === 0) return undefined;
      this.#inHead = true;
      this.#outcome = 'hold';
      this.#ask(descriptors);
      this.#inHead = false;
      return this.#outcome;
    },
  };

  readonly response = {
    head: ({ headers }: { headers: HeaderMap }): undefined => {
      if (this.#answer === null) return;
      for (const { key, value } of this.#answer.responseHeadersToAdd) headers.append(key.toLowerCase(), bytesOf(value));
      if (this.#config.showsLimits) for (const [name, value] of limitHeaders(this.#answer)) headers.set(name, value);
    },
  };

  done(): void {
    this.#cancel?.();
    const late = this.#descriptors('end');
    if (late.length > 0) this.#scope.client.grpc(METHOD, this.#config.target, this.#request(late), ignore);
  }

  #descriptors(moment: Moment): readonly Descriptor[] {
    const { stage, rules } = this.#config;
    const own = this.#settings?.rules.length ? this.#settings.rules : rules;
    const all = own.length > 0 ? own : rulesOf(this.#exchange, this.#settings?.option ?? 'override');
    return describe(all, this.#exchange, stage, this.#scope, moment);
  }

  #request(descriptors: readonly Descriptor[]): RateLimitRequest {
    const hits = this.#exchange.filterState?.get(HITS) ?? '';
    return create(RateLimitRequestSchema, {
      domain: this.#settings?.domain || this.#config.domain,
      descriptors: descriptors.map(messageOf),
      ...(/^\d{1,9}$/.test(hits) ? { hitsAddend: Number(hits) } : {}),
    });
  }

  #ask(descriptors: readonly Descriptor[]): void {
    let settled = false;
    const cancel = this.#scope.client.grpc(METHOD, this.#config.target, this.#request(descriptors), (outcome) => {
      settled = true;
      this.#cancel = null;
      const decide = () => this.#decide(outcome.kind === 'message' ? outcome.message : null);
      if (this.#inHead) decide();
      else this.#stream.run(decide);
    });
    if (!settled) this.#cancel = cancel;
  }

  #decide(answer: RateLimitResponse | null): void {
    const { deniesOnFailure, enforced, status, namespace } = this.#config;
    this.#answer = answer;
    if (answer === null) {
      this.#count('error');
      if (this.#scope.random() < deniesOnFailure(this.#scope.runtime)) this.#settle(this.#failure());
      else {
        this.#count('failure_mode_allowed');
        this.#settle(undefined);
      }
      return;
    }
    if (answer.dynamicMetadata !== undefined) {
      this.#exchange.metadata ??= new Map();
      this.#exchange.metadata.set(namespace, answer.dynamicMetadata);
    }
    // Whatever does not say that it is over lets pass, UNKNOWN too.
    const over = answer.overallCode === Code.OVER_LIMIT;
    this.#count(over ? 'over_limit' : 'ok');
    if (over) chargeCluster(this.#exchange, this.#scope, status);
    if (over && this.#scope.random() < enforced(this.#scope.runtime)) this.#settle(this.#refusal(answer));
    else {
      const { headers } = this.#exchange.request;
      for (const { key, value } of answer.requestHeadersToAdd) headers.append(key.toLowerCase(), bytesOf(value));
      this.#settle(undefined);
    }
  }

  #count(what: keyof ServiceStats): void {
    const stats = this.#config.statsOf(this.#exchange, this.#scope);
    if (stats !== null) stats[what] += 1;
  }

  #settle(outcome: LocalReply | undefined): void {
    if (this.#inHead) this.#outcome = outcome;
    else if (outcome === undefined) this.#stream.request.proceed();
    else this.#stream.answer(outcome);
  }

  #refusal(answer: RateLimitResponse): LocalReply {
    const { status, marksAnswer, responseEdits, asResourceExhausted } = this.#config;
    const headers = new HeaderMap(marksAnswer ? ['x-envoy-ratelimited', 'true'] : []);
    for (const edit of responseEdits) edit(headers, this.#exchange, { status, headers });
    const wait = this.#config.tellsWhen && status === 429 ? retryAfter(answer) : null;
    if (wait !== null && !answer.responseHeadersToAdd.some(({ key }) => key.toLowerCase() === 'retry-after')) {
      headers.set('retry-after', wait);
    }
    return {
      status,
      body: Buffer.from(answer.rawBody),
      details: 'request_rate_limited',
      flags: flag.rateLimited,
      headers,
      ...(asResourceExhausted ? { grpcStatus: RESOURCE_EXHAUSTED } : {}),
    };
  }

  #failure(): LocalReply {
    return {
      status: this.#config.statusOnError,
      body: '',
      details: 'rate_limiter_error',
      flags: flag.rateLimitServiceError,
      headers: null,
    };
  }
}

function messageOf({ entries, limit, hits }: Descriptor) {
  return {
    entries: entries.map(({ key, value }) => ({ key, value: textOf(value) })),
    ...(limit === null ? {} : { limit }),
    ...(hits === null ? {} : { hitsAddend: hits.count, isNegativeHits: hits.negative }),
  };
}

/** What is only told needs no answer. */
function ignore(): void {
  // The exchange is over.
}

/** Bytes of a head as the UTF-8 that protobuf wants. */
function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function compileConfig(config: RateLimit, path: string): Config {
  if (config.domain === '') throw new ConfigError(at(path, 'domain'), 'is empty');
  if (config.stage > HIGHEST_STAGE) throw new ConfigError(at(path, 'stage'), `must be at most ${HIGHEST_STAGE}`);
  const timeout = millis(config.timeout, TIMEOUT, at(path, 'timeout'));
  const service = config.rateLimitService?.grpcService;
  const code = config.rateLimitedStatus?.code ?? 0;
  return {
    target: { ...decodeUnaryService(service, timeout, at(path, 'rate_limit_service.grpc_service')), timeout },
    domain: config.domain,
    stage: config.stage,
    requests: requestType(config.requestType, at(path, 'request_type')),
    rules: compileRules(config.rateLimits, at(path, 'rate_limits')),
    deniesOnFailure: keyedShare(config.failureModeDenyPercent, config.failureModeDeny ? 1 : 0),
    namespace: config.metadataNamespace || 'envoy.filters.http.ratelimit',
    statusOnError: config.statusOnError?.code || 500,
    status: code < 400 ? 429 : code,
    asResourceExhausted: config.rateLimitedAsResourceExhausted,
    showsLimits: config.enableXRatelimitHeaders === HeaderVersion.DRAFT_VERSION_03,
    marksAnswer: !config.disableXEnvoyRatelimitedHeader,
    tellsWhen: config.enableRetryAfterHeader,
    responseEdits: compileAdditions(config.responseHeadersToAdd, at(path, 'response_headers_to_add')),
    enabled: keyedShare(config.filterEnabled, 1),
    enforced: keyedShare(config.filterEnforced, 1),
    statsOf: perCluster(`ratelimit${config.statPrefix && `.${config.statPrefix}`}`, () => new ServiceStats()),
  };
}

function requestType(type: string, path: string): Config['requests'] {
  if (type === '' || type === 'both') return 'both';
  if (type === 'internal' || type === 'external') return type;
  throw new ConfigError(path, `${type} is not known (hint: internal, external, both)`);
}

function compileRoute(config: RateLimitPerRoute, path: string): RouteSettings {
  return {
    option: hostOption(config.vhRateLimits, at(path, 'vh_rate_limits')),
    domain: config.domain,
    rules: compileRules(config.rateLimits, at(path, 'rate_limits')),
  };
}

function hostOption(option: HostOptions, path: string): HostOption {
  switch (option) {
    case HostOptions.OVERRIDE:
      return 'override';
    case HostOptions.INCLUDE:
      return 'include';
    case HostOptions.IGNORE:
      return 'ignore';
    default:
      throw new ConfigError(path, 'is not known');
  }
}
