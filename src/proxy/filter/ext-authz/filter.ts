// The filter envoy.filters.http.ext_authz.
import {
  type CheckSettings,
  type ExtAuthz,
  type ExtAuthzPerRoute,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { keyedFlag, keyedShare } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import { compileMetadata, type MetadataTest } from '../../route/match/metadata-matcher.ts';
import { type ClusterStats, perCluster } from '../cluster-stats.ts';
import { compiler, type FilterKind, perScope, routeSettings } from '../define.ts';
import type { FilterScope, HttpFilter, StreamFilter } from '../filter.ts';
import { compileRules, type Rules } from '../mutation-rules.ts';
import { type BodySettings, Check } from './check.ts';
import { leaveDecision } from './decision.ts';
import { compileGrpcService } from './grpc-service.ts';
import { compileHttpService } from './http-service.ts';
import { type AuthService, compileList, type ServiceOptions } from './service.ts';
import { failure } from './verdict.ts';

export type CheckConfig = {
  readonly service: AuthService;
  /** For services that routes have instead. */
  readonly options: ServiceOptions;
  /** null: the server may change what it wants of the request. */
  readonly rules: Rules | null;
  /** What cannot stand in a message is refused. */
  readonly validates: boolean;
  /** More headers than a response may have are an error. */
  readonly limitsResponse: boolean;
  /** Bytes of a refusal's body that are passed on. */
  readonly longestBody: number;
  readonly body: BodySettings | null;
  readonly failureAllowed: boolean;
  readonly failureHeader: boolean;
  readonly clearRoute: boolean;
  readonly statusOnError: number;
  /** A refusal counts as a response of the cluster too. */
  readonly chargesCluster: boolean;
  /** What is decided is only told, in filter state under this name; null: it holds. */
  readonly shadow: string | null;
  /** How long the server took is left in filter state under this name; null: it is not. */
  readonly latencyKey: string | null;
  /** Whether metadata that the server gives is noted. */
  readonly takesMetadata: boolean;
  statsOf(scope: FilterScope): ExtAuthzStats;
  readonly clusterStatsOf: ClusterStats<ClusterAuthzStats>;
};

class ExtAuthzStats {
  ok = 0;
  denied = 0;
  error = 0;
  failure_mode_allowed = 0;
  disabled = 0;
  invalid = 0;
  ignored_dynamic_metadata = 0;
  omitted_response_headers = 0;
  request_header_limits_reached = 0;
  response_header_limits_reached = 0;
  shadow_denied = 0;
  shadow_error = 0;
}

class ClusterAuthzStats {
  ok = 0;
  denied = 0;
  error = 0;
  failure_mode_allowed = 0;
  invalid = 0;
}

/** What a route says; undefined members are as in the chain. */
export type RouteCheck = {
  readonly service: ((chain: CheckConfig) => AuthService) | undefined;
  readonly extensions: Readonly<Record<string, string>>;
  readonly body: BodySettings | null | undefined;
};

const ofRoute = routeSettings<RouteCheck>();
const nothingSaid: RouteCheck = { service: undefined, extensions: {}, body: undefined };

export const extAuthz: FilterKind = {
  chain: compiler(ExtAuthzSchema, createExtAuthz),
  route: compiler(ExtAuthzPerRouteSchema, compileRoute),
};

function compileRoute({ override }: ExtAuthzPerRoute, name: string, path: string): HttpFilter | null {
  switch (override.case) {
    case 'disabled':
      if (!override.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return null;
    case 'checkSettings':
      return ofRoute.make(name, compileSettings(override.value, at(path, 'check_settings')));
    default:
      throw new ConfigError(path, 'says neither disabled nor check_settings');
  }
}

function compileSettings(settings: CheckSettings, path: string): RouteCheck {
  const { contextExtensions: extensions, disableRequestBodyBuffering, withRequestBody } = settings;
  if (disableRequestBodyBuffering && withRequestBody !== undefined)
    throw new ConfigError(at(path, 'with_request_body'), 'is set beside disable_request_body_buffering');
  const service = compileOverride(settings.serviceOverride, path);
  if (disableRequestBodyBuffering) return { service, extensions, body: null };
  return { service, extensions, body: compileBody(withRequestBody, at(path, 'with_request_body')) ?? undefined };
}

function createExtAuthz(config: ExtAuthz, name: string, path: string): HttpFilter {
  const enabled = compileEnabled(config, path);
  const deniesWhenOff = keyedFlag(config.denyAtDisable, false);
  const check = compileCheck(config, name, path);
  return {
    name,
    open(exchange, scope, stream) {
      if (!enabled(exchange.metadata, scope)) {
        check.statsOf(scope).disabled += 1;
        return deniesWhenOff(scope.runtime) ? denied(check, exchange, scope) : null;
      }
      return new Check(check, ofRoute.of(exchange, name) ?? nothingSaid, exchange, scope, stream);
    },
  };
}

/** Without a question, because the filter is off. */
function denied(check: CheckConfig, exchange: Exchange, scope: FilterScope): StreamFilter | null {
  if (check.shadow === null) return { request: { head: () => failure(check.statusOnError) } };
  check.statsOf(scope).shadow_denied += 1;
  const headers = new HeaderMap();
  leaveDecision(exchange, check.shadow, { kind: 'denied', status: check.statusOnError, headers }, check.statusOnError);
  return null;
}

function compileCheck(config: ExtAuthz, name: string, path: string): CheckConfig {
  const statPath = config.statPrefix === '' ? 'ext_authz' : `ext_authz.${config.statPrefix}`;
  const status = config.statusOnError?.code || 403;
  const options = compileOptions(config, path);
  return {
    service: compileService(config, options, path),
    options,
    rules:
      config.decoderHeaderMutationRules === undefined
        ? null
        : compileRules(config.decoderHeaderMutationRules, at(path, 'decoder_header_mutation_rules')),
    validates: config.validateMutations,
    limitsResponse: config.enforceResponseHeaderLimits,
    longestBody: config.maxDeniedResponseBodyBytes || Number.POSITIVE_INFINITY,
    body: compileBody(config.withRequestBody, at(path, 'with_request_body')),
    failureAllowed: config.failureModeAllow,
    failureHeader: config.failureModeAllowHeaderAdd,
    clearRoute: config.clearRouteCache,
    statusOnError: status,
    shadow: config.shadowMode ? `${name}.shadow` : null,
    latencyKey: config.emitFilterStateStats ? name : null,
    takesMetadata: config.enableDynamicMetadataIngestion ?? true,
    chargesCluster: config.chargeClusterResponseStats ?? true,
    clusterStatsOf: perCluster(statPath, () => new ClusterAuthzStats()),
    statsOf: perScope((scope) => scope.stats(`${scope.prefix}${statPath}`, () => new ExtAuthzStats())),
  };
}

function compileEnabled(
  config: ExtAuthz,
  path: string,
): (metadata: Parameters<MetadataTest>[0], scope: Pick<FilterScope, 'random' | 'runtime'>) => boolean {
  const share = keyedShare(config.filterEnabled, 1);
  const byMetadata =
    config.filterEnabledMetadata === undefined
      ? null
      : compileMetadata(config.filterEnabledMetadata, at(path, 'filter_enabled_metadata'));
  return (metadata, { random, runtime }) => random() < share(runtime) && (byMetadata === null || byMetadata(metadata));
}

function compileService({ services }: ExtAuthz, options: ServiceOptions, path: string): AuthService {
  switch (services.case) {
    case 'httpService':
      return compileHttpService(services.value, at(path, 'http_service'))(options);
    case 'grpcService':
      return compileGrpcService(services.value, at(path, 'grpc_service'))(options);
    default:
      throw new ConfigError(path, 'has neither grpc_service nor http_service');
  }
}

/** Made once for each filter that a route meets. */
function compileOverride({ case: kind, value }: CheckSettings['serviceOverride'], path: string): RouteCheck['service'] {
  if (kind === undefined) return undefined;
  const make =
    kind === 'httpService'
      ? compileHttpService(value, at(path, 'http_service'))
      : compileGrpcService(value, at(path, 'grpc_service'));
  const made = new WeakMap<CheckConfig, AuthService>();
  return (chain) => {
    const service = made.get(chain) ?? make(chain.options);
    made.set(chain, service);
    return service;
  };
}

function compileOptions(config: ExtAuthz, path: string): ServiceOptions {
  return {
    headers: {
      allowed: compileList(config.allowedHeaders, at(path, 'allowed_headers')),
      disallowed: compileList(config.disallowedHeaders, at(path, 'disallowed_headers')) ?? (() => false),
    },
    packAsBytes: config.withRequestBody?.packAsBytes ?? false,
    rawHeaders: config.encodeRawHeaders,
    metadataNamespaces: config.metadataContextNamespaces,
    routeMetadataNamespaces: config.routeMetadataContextNamespaces,
    labelsKey: config.bootstrapMetadataLabelsKey,
    includeTlsSession: config.includeTlsSession,
    includeCertificate: config.includePeerCertificate,
  };
}

function compileBody(settings: ExtAuthz['withRequestBody'], path: string): BodySettings | null {
  if (settings === undefined) return null;
  if (settings.maxRequestBytes === 0) throw new ConfigError(at(path, 'max_request_bytes'), 'must be more than 0');
  return { limit: settings.maxRequestBytes, partial: settings.allowPartialMessage };
}
