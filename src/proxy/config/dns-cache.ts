// DnsCacheConfig: names that requests go to without anybody having configured them, and how long they are remembered.
import type { DnsCacheConfig as DnsCacheMessage } from '../../xds/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { clusterFamily, type DnsFamily, decodeFailureRate, decodeMinimum } from './dns.ts';
import { type DnsResolverConfig, decodeDnsResolver, decodeResolution } from './dns-resolver.ts';
import { millis, positiveMillis } from './values.ts';

export type DnsCacheConfig = {
  /** Clusters and filters with the same name share one. */
  readonly name: string;
  readonly family: DnsFamily;
  /** Milliseconds between questions, where answers do not say; never less than `minimumRefresh`. */
  readonly refresh: number;
  readonly minimumRefresh: number;
  /** After failures, with a random part; null is as `refresh`. */
  readonly failureRefresh: { readonly base: number; readonly max: number } | null;
  /** Names that nobody asked for so long are forgotten. */
  readonly ttl: number;
  readonly maxNames: number;
  /** Requests that may wait for answers. */
  readonly maxPending: number;
  /** 0 is no limit. */
  readonly timeout: number;
  /** Who is asked; null: whom the whole proxy asks. */
  readonly resolver: DnsResolverConfig | null;
  readonly known: readonly { readonly host: string; readonly port: number }[];
};

const DEFAULTS = {
  refresh: 60_000,
  minimumRefresh: 5_000,
  ttl: 300_000,
  maxNames: 1024,
  maxPending: 1024,
  timeout: 5_000,
};

export function decodeDnsCache(cache: DnsCacheMessage | undefined, path: string): DnsCacheConfig {
  if (cache === undefined) throw new ConfigError(path, 'is required');
  if (cache.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  if (cache.maxHosts === 0) throw new ConfigError(at(path, 'max_hosts'), 'must be more than 0');
  return {
    name: cache.name,
    family: clusterFamily(cache.dnsLookupFamily),
    refresh: positiveMillis(cache.dnsRefreshRate, DEFAULTS.refresh, at(path, 'dns_refresh_rate')),
    minimumRefresh: decodeMinimum(cache.dnsMinRefreshRate, at(path, 'dns_min_refresh_rate'), DEFAULTS.minimumRefresh),
    resolver: decodeCacheResolver(cache, path),
    failureRefresh: cache.dnsFailureRefreshRate
      ? decodeFailureRate(cache.dnsFailureRefreshRate, at(path, 'dns_failure_refresh_rate'))
      : null,
    ttl: positiveMillis(cache.hostTtl, DEFAULTS.ttl, at(path, 'host_ttl')),
    maxNames: cache.maxHosts ?? DEFAULTS.maxNames,
    maxPending: cache.dnsCacheCircuitBreaker?.maxPendingRequests ?? DEFAULTS.maxPending,
    timeout: millis(cache.dnsQueryTimeout, DEFAULTS.timeout, at(path, 'dns_query_timeout')),
    known: mapAt(cache.preresolveHostnames, at(path, 'preresolve_hostnames'), ({ address, portSpecifier }, here) => {
      if (address === '') throw new ConfigError(at(here, 'address'), 'is empty');
      if (portSpecifier.case !== 'portValue') throw new ConfigError(at(here, 'port_value'), 'is required');
      return { host: address, port: portSpecifier.value };
    }),
  };
}

function decodeCacheResolver(cache: DnsCacheMessage, path: string): DnsResolverConfig | null {
  const typed = decodeDnsResolver(cache.typedDnsResolverConfig, at(path, 'typed_dns_resolver_config'));
  if (typed !== null || cache.dnsResolutionConfig === undefined) return typed;
  return decodeResolution(cache.dnsResolutionConfig, at(path, 'dns_resolution_config'));
}
