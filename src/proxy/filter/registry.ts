// The HTTP filters there are. Their order in a chain is the configuration's; this list is searched by type only.
import type { Any } from '@bufbuild/protobuf/wkt';
import { FilterConfigSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { apiKeyAuth } from './api-key-auth.ts';
import { bandwidthLimit } from './bandwidth-limit.ts';
import { basicAuth } from './basic-auth.ts';
import { buffer } from './buffer.ts';
import { composite } from './composite/composite.ts';
import { extensionMatcher } from './composite/extension-matcher.ts';
import { compressor } from './compression/compressor.ts';
import { decompressor } from './compression/decompressor.ts';
import { cors } from './cors.ts';
import { credentialInjector } from './credentials/injector.ts';
import { csrf } from './csrf.ts';
import { customResponse } from './custom-response/filter.ts';
import type { FilterKind } from './define.ts';
import { dynamicForwardProxy } from './dynamic-forward-proxy.ts';
import { extAuthz } from './ext-authz/filter.ts';
import { extProc } from './ext-proc/filter.ts';
import { fault } from './fault/filter.ts';
import type { HttpFilter } from './filter.ts';
import { grpcHttp1Bridge } from './grpc-http1-bridge.ts';
import { grpcReverseBridge } from './grpc-reverse-bridge.ts';
import { grpcStats } from './grpc-stats.ts';
import { grpcWeb } from './grpc-web.ts';
import { headerMutation } from './header-mutation.ts';
import { headerToMetadata } from './header-to-metadata.ts';
import { healthCheck } from './health-check.ts';
import { istioAlpn } from './istio/alpn.ts';
import { peerMetadata } from './istio/peer-metadata.ts';
import { istioStats } from './istio/stats.ts';
import { jsonToMetadata } from './json-to-metadata.ts';
import { jwtAuthn } from './jwt/filter.ts';
import { adaptiveConcurrency } from './load/adaptive-concurrency.ts';
import { admissionControl } from './load/admission-control.ts';
import { oauth2 } from './oauth2/filter.ts';
import { onDemand } from './on-demand.ts';
import { localRateLimit } from './rate-limit/local-filter.ts';
import { rateLimit } from './rate-limit/service-filter.ts';
import { rbac } from './rbac/filter.ts';
import { setFilterState } from './set-filter-state.ts';
import { setMetadata } from './set-metadata.ts';
import { statefulSession } from './stateful-session.ts';

const kinds: readonly FilterKind[] = [
  adaptiveConcurrency,
  admissionControl,
  apiKeyAuth,
  bandwidthLimit,
  basicAuth,
  buffer,
  composite(compileFilter),
  compressor,
  cors,
  credentialInjector,
  csrf,
  customResponse,
  decompressor,
  dynamicForwardProxy,
  extAuthz,
  extensionMatcher(compileFilter),
  extProc,
  fault,
  grpcHttp1Bridge,
  grpcReverseBridge,
  grpcStats,
  grpcWeb,
  headerMutation,
  headerToMetadata,
  healthCheck,
  istioAlpn,
  istioStats,
  jsonToMetadata,
  jwtAuthn,
  localRateLimit,
  oauth2,
  onDemand,
  peerMetadata,
  rateLimit,
  rbac,
  setFilterState,
  setMetadata,
  statefulSession,
];

export function isSupportedFilter(config: Any): boolean {
  return kinds.some(({ chain }) => chain.typeName === typeNameOf(config));
}

/** A filter of a chain. Throws ConfigError. */
export function compileFilter(config: Any, name: string, path: string): HttpFilter {
  const kind = kinds.find(({ chain }) => chain.typeName === typeNameOf(config));
  const filter = kind?.chain.compile(config, name, path);
  if (!filter) throw unsupportedType(config, path);
  return filter;
}

/**
 * What a route, virtual host or route configuration has instead of the filter of that name; null switches it off. Undefined: the sender allows
 * that it is left out where it is not known.
 */
export function compileOverride(
  name: string,
  config: Any,
  path: string,
  outer: HttpFilter | null = null,
): HttpFilter | null | undefined {
  if (typeNameOf(config) === FilterConfigSchema.typeName) {
    const wrapper = unpack(config, FilterConfigSchema, path);
    if (wrapper.disabled) return null;
    if (wrapper.config === undefined) throw new ConfigError(at(path, 'config'), 'is required');
    if (wrapper.isOptional && routeKind(wrapper.config) === undefined) return undefined;
    return compileOverride(name, wrapper.config, at(path, 'config'), outer);
  }
  const kind = routeKind(config);
  if (!kind?.route) throw unsupportedType(config, path);
  return kind.route.compile(config, name, path, outer);
}

function routeKind(config: Any): FilterKind | undefined {
  return kinds.find(({ route }) => route?.typeName === typeNameOf(config));
}
