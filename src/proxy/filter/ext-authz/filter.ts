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
import { compileMetadata, type MetadataTest } from '../../route/match/metadata-matcher.ts';
import { type ClusterStats, perCluster } from '../cluster-stats.ts';
import { compiler, type FilterKind, perScope, routeSettings } from '../define.ts';
import type { FilterScope, HttpFilter } from '../filter.ts';
import { type BodySettings, Check } from './check.ts';
import { compileGrpcService } from './grpc-service.ts';
import { compileHttpService } from './http-service.ts';
import { type AuthService, compileList, type HeaderChoice } from './service.ts';
import { failure } from './verdict.ts';

export type CheckConfig = {
  readonly service: AuthService;
  readonly body: BodySettings | null;
  readonly failureAllowed: boolean;
  readonly failureHeader: boolean;
  readonly clearRoute: boolean;
  readonly statusOnError: number;
  /** A refusal counts as a response of the cluster too. */
  readonly chargesCluster: boolean;
  statsOf(scope: FilterScope): ExtAuthzStats;
  readonly clusterStatsOf: ClusterStats<ClusterAuthzStats>;
};

class ExtAuthzStats {
  ok = 0;
  denied = 0;
  error = 0;
  failure_mode_allowed = 0;
  disabled = 0;
}

class ClusterAuthzStats {
  ok = 0;
  denied = 0;
  error = 0;
  failure_mode_allowed = 0;
}

/** What a route says; undefined members are as in the chain. */
export type RouteCheck = {
  readonly extensions: Readonly<Record<string, string>>;
  readonly body: BodySettings | null | undefined;
};

const ofRoute = routeSettings<RouteCheck>();
const noExtensions: RouteCheck = { extensions: {}, body: undefined };

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
  if (disableRequestBodyBuffering) return { extensions, body: null };
  return { extensions, body: compileBody(withRequestBody, at(path, 'with_request_body')) ?? undefined };
}

function createExtAuthz(config: ExtAuthz, name: string, path: string): HttpFilter {
  const enabled = compileEnabled(config, path);
  const deniesWhenOff = keyedFlag(config.denyAtDisable, false);
  const check = compileCheck(config, path);
  return {
    name,
    open(exchange, scope, stream) {
      if (!enabled(exchange.metadata, scope)) {
        check.statsOf(scope).disabled += 1;
        return deniesWhenOff(scope.runtime) ? { request: { head: () => failure(check.statusOnError) } } : null;
      }
      return new Check(check, ofRoute.of(exchange, name) ?? noExtensions, exchange, scope, stream);
    },
  };
}

function compileCheck(config: ExtAuthz, path: string): CheckConfig {
  const statPath = config.statPrefix === '' ? 'ext_authz' : `ext_authz.${config.statPrefix}`;
  const status = config.statusOnError?.code || 403;
  return {
    service: compileService(config, path),
    body: compileBody(config.withRequestBody, at(path, 'with_request_body')),
    failureAllowed: config.failureModeAllow,
    failureHeader: config.failureModeAllowHeaderAdd,
    clearRoute: config.clearRouteCache,
    statusOnError: status,
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

function compileService(config: ExtAuthz, path: string): AuthService {
  const { services } = config;
  switch (services.case) {
    case 'httpService': {
      const here = at(path, 'http_service');
      const old = services.value.authorizationRequest?.allowedHeaders;
      return compileHttpService(services.value, compileHeaders(config, path, old), here);
    }
    case 'grpcService':
      return compileGrpcService(
        services.value,
        {
          headers: compileHeaders(config, path, undefined),
          packAsBytes: config.withRequestBody?.packAsBytes ?? false,
          metadataNamespaces: config.metadataContextNamespaces,
          routeMetadataNamespaces: config.routeMetadataContextNamespaces,
          includeTlsSession: config.includeTlsSession,
        },
        at(path, 'grpc_service'),
      );
    default:
      throw new ConfigError(path, 'has neither grpc_service nor http_service');
  }
}

/** `old`: where the list stood before it was the filter's own. */
function compileHeaders(config: ExtAuthz, path: string, old: ExtAuthz['allowedHeaders']): HeaderChoice {
  const own = compileList(config.allowedHeaders, at(path, 'allowed_headers'));
  return {
    allowed: own ?? compileList(old, at(path, 'http_service.authorization_request.allowed_headers')),
    disallowed: compileList(config.disallowedHeaders, at(path, 'disallowed_headers')) ?? (() => false),
  };
}

function compileBody(settings: ExtAuthz['withRequestBody'], path: string): BodySettings | null {
  if (settings === undefined) return null;
  if (settings.maxRequestBytes === 0) throw new ConfigError(at(path, 'max_request_bytes'), 'must be more than 0');
  return { limit: settings.maxRequestBytes, partial: settings.allowPartialMessage };
}
