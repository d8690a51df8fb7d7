// The filter envoy.filters.http.dynamic_forward_proxy: requests to clusters of that kind wait until the name they are for is resolved.
import {
  type FilterConfig,
  FilterConfigSchema,
  type PerRouteConfig,
  PerRouteConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import type { CachedName, Lookup } from '../cluster/dns-cache.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { decodeDnsCache } from '../config/dns-cache.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import type { RequestHead } from '../http/message.ts';
import { chosenCluster } from '../route/chosen-cluster.ts';
import { compiler, type FilterKind, routeSettings } from './define.ts';
import type { HttpFilter, LocalReply } from './filter.ts';

export const dynamicForwardProxy: FilterKind = {
  chain: compiler(FilterConfigSchema, createDynamicForwardProxy),
  route: compiler(PerRouteConfigSchema, createRewrite),
};

/** What a request is for, in place of its authority; undefined leaves it as it is. */
const rewrites = routeSettings<(request: RequestHead) => string | undefined>();

function createDynamicForwardProxy(config: FilterConfig, name: string, path: string): HttpFilter {
  const { case: kind, value } = config.implementationSpecifier;
  if (kind !== 'dnsCacheConfig') throw new ConfigError(at(path, 'dns_cache_config'), 'is required');
  // The cluster's own is the one that is asked: they have the same name.
  decodeDnsCache(value, at(path, 'dns_cache_config'));
  return {
    name,
    request(exchange, scope) {
      const cluster = scope.clusters.get(chosenCluster(exchange, scope.random) ?? '');
      const hosts = cluster?.dynamicHosts ?? null;
      if (hosts === null) return undefined;
      const { request } = exchange;
      request.authority = rewrites.of(exchange, name)?.(request) ?? request.authority;
      return outcome(hosts.look(request.authority), exchange);
    },
  };
}

function createRewrite({ hostRewriteSpecifier: rewrite }: PerRouteConfig, name: string): HttpFilter {
  switch (rewrite.case) {
    case 'hostRewriteLiteral':
      return rewrites.make(name, () => rewrite.value || undefined);
    case 'hostRewriteHeader':
      return rewrites.make(name, ({ headers }) => headers.get(rewrite.value.toLowerCase()) || undefined);
    default:
      return rewrites.make(name, () => undefined);
  }
}

function outcome(lookup: Lookup, exchange: Exchange): LocalReply | undefined | Promise<LocalReply | undefined> {
  if (lookup === 'full') return unavailable('DNS cache overflow', 'dns_cache_overflow');
  if (lookup === 'too many wait') {
    return unavailable(
      'Dynamic forward proxy pending request overflow',
      'dynamic_forward_proxy_pending_request_overflow',
    );
  }
  return lookup instanceof Promise ? lookup.then((name) => found(name, exchange)) : found(lookup, exchange);
}

function found({ addresses }: CachedName, exchange: Exchange): LocalReply | undefined {
  if (addresses.length > 0) return undefined;
  exchange.flags |= flag.dnsResolutionFailed;
  return unavailable('DNS resolution failure', 'dns_resolution_failure');
}

function unavailable(body: string, details: string): LocalReply {
  return { status: 503, body, details, flags: 0, headers: null };
}
