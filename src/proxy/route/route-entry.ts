// One Route, with what its virtual host and route configuration hand down → RouteEntry.
import type {
  DirectResponseAction,
  Route,
  VirtualHost,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { decodeDecorator } from '../config/decorator.ts';
import { compileBodyFormat } from '../config/local-reply.ts';
import { decodeSpanOptions } from '../config/span-options.ts';
import { plainMetadata, readSource } from '../config/values.ts';
import { noRouteLimits, type RouteLimits } from '../filter/rate-limit/route-limits.ts';
import { compileRules } from '../filter/rate-limit/rule.ts';
import { compileAffinityCookies } from './affinity-cookie.ts';
import { compileCharges, type VirtualClusters } from './charges.ts';
import type { ClusterLevel } from './cluster-choice.ts';
import type { ClusterSpecifiers } from './cluster-specifier.ts';
import { compileOverrides, type FilterOverrides } from './filter-overrides.ts';
import { compileForward, type Inherited } from './forward.ts';
import { compileEdits, type HeaderEdits, sequence } from './header-edits.ts';
import { compileRedirect } from './redirect.ts';
import { settling } from './settled-entry.ts';
import type { ForwardAction, RouteAction, RouteEntry } from './table.ts';

/** What a virtual host hands down to its routes; what it has from the route configuration is in it already. */
export type HostLevel = {
  readonly host: VirtualHost;
  readonly path: string;
  /** Most specific first. */
  readonly edits: readonly HeaderEdits[];
  readonly filters: FilterOverrides;
  readonly mirrors: ForwardAction['mirrors'];
  readonly virtualClusters: VirtualClusters | null;
  readonly specifiers: ClusterSpecifiers;
  readonly mostSpecificWins: boolean;
  /** Bytes of a direct response's body. */
  readonly maximumBody: number;
};

/** Edits run most specific first, so that the route configuration's are last and win, unless `mostSpecificWins`; those of a cluster before all. */
export function compileEntry(route: Route, level: HostLevel, path: string): RouteEntry {
  const edits = [...routeEdits(route, path), ...level.edits];
  const own = sequence(level.mostSpecificWins ? edits.toReversed() : edits);
  const filters = compileOverrides(route.typedPerFilterConfig, level.filters, at(path, 'typed_per_filter_config'));
  return settling({
    name: route.name,
    virtualHost: level.host.name,
    hostMetadata: plainMetadata(level.host.metadata),
    action: compileAction(route, level, { filters, specifiers: level.specifiers }, path),
    editRequest: own.request,
    editResponse: own.response,
    filters,
    rateLimits: compileLimits(route, level, path),
    charge: compileCharges(route, level.host.name, level.virtualClusters),
    decorator: route.decorator === undefined ? null : decodeDecorator(route.decorator, at(path, 'decorator')),
    tracing: route.tracing === undefined ? null : decodeSpanOptions(route.tracing, at(path, 'tracing')),
    metadata: plainMetadata(route.metadata),
  });
}

function compileLimits({ action }: Route, { host, path: hostPath }: HostLevel, path: string): RouteLimits {
  if (action.case !== 'route') return noRouteLimits;
  const { rateLimits, includeVhRateLimits } = action.value;
  if (rateLimits.length + host.rateLimits.length === 0) return noRouteLimits;
  return {
    route: compileRules(rateLimits, at(path, 'route.rate_limits'), 'route'),
    host: compileRules(host.rateLimits, at(hostPath, 'rate_limits'), 'route'),
    includeHost: includeVhRateLimits ?? false,
  };
}

function routeEdits(route: Route, path: string): HeaderEdits[] {
  const { action } = route;
  const cookies = action.case === 'route' ? compileAffinityCookies(action.value.hashPolicy) : null;
  return [compileEdits(route, path), ...(cookies === null ? [] : [cookies])];
}

function compileAction(route: Route, level: HostLevel, cluster: ClusterLevel, path: string): RouteAction {
  const { action, match } = route;
  switch (action.case) {
    case 'route':
      return compileForward(action.value, match!, inheritedBy(route, level), cluster, at(path, 'route'));
    case 'redirect':
      return compileRedirect(action.value, match!, at(path, 'redirect'));
    case 'nonForwardingAction':
      return { kind: 'nowhere', status: 503 };
    case 'directResponse':
      return compileResponse(action.value, level.maximumBody, at(path, 'direct_response'));
    default:
      throw new ConfigError(path, 'has no supported action');
  }
}

function inheritedBy(route: Route, { host, path, mirrors }: HostLevel): Inherited {
  return {
    retry: { policy: host.retryPolicy, path: at(path, 'retry_policy') },
    hedge: host.hedgePolicy,
    mirrors,
    attemptHeaders: attemptHeaders(host),
    bufferLimit: bufferLimit(route) ?? bufferLimit(host),
  };
}

function attemptHeaders(host: VirtualHost): Inherited['attemptHeaders'] {
  const request = host.includeRequestAttemptCount;
  const response = host.includeAttemptCountInResponse;
  const timeoutRetry = host.includeIsTimeoutRetryHeader;
  return request || response || timeoutRetry ? { request, response, timeoutRetry } : null;
}

/** `request_body_buffer_limit` takes the place of the older field. */
function bufferLimit(level: Route | VirtualHost): number | null {
  const { requestBodyBufferLimit, perRequestBufferLimitBytes } = level;
  return requestBodyBufferLimit === undefined ? (perRequestBufferLimitBytes ?? null) : Number(requestBodyBufferLimit);
}

function compileResponse({ status, body, bodyFormat }: DirectResponseAction, limit: number, path: string): RouteAction {
  if (status < 200 || status > 599) throw new ConfigError(at(path, 'status'), `${status} is no status`);
  const text = body === undefined ? '' : readSource(body, at(path, 'body'));
  if (Buffer.byteLength(text) > limit) throw new ConfigError(at(path, 'body'), `is over ${limit} bytes`);
  const said = { kind: 'respond', status, body: text } as const;
  return bodyFormat === undefined ? said : { ...said, format: compileBodyFormat(bodyFormat, at(path, 'body_format')) };
}
