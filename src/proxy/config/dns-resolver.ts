// Who is asked for the addresses of names: the system, or servers of one's own (`typed_dns_resolver_config`, and the fields before it).
import { isIP } from 'node:net';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { DnsResolutionConfig } from '../../xds/gen/envoy/config/core/v3/resolver_pb.ts';
import {
  type CaresDnsResolverConfig,
  CaresDnsResolverConfigSchema,
} from '../../xds/gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts';
import { GetAddrInfoDnsResolverConfigSchema } from '../../xds/gen/envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver_pb.ts';
import { decodeAddress } from './address.ts';
import { typeNameOf, unpack, unsupportedType } from './any.ts';
import type { SocketAddress } from './cluster-types.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

export type DnsResolverConfig =
  /** The hosts file, then the servers of the system, whose answers say how long they hold. */
  | { readonly kind: 'system' }
  /** `getaddrinfo`, whose answers hold for a minute. */
  | { readonly kind: 'getaddrinfo'; readonly retries: number }
  | ServersConfig;

/** The hosts file, then DNS. */
export type ServersConfig = {
  readonly kind: 'servers';
  /** [] are those of the system. */
  readonly servers: readonly SocketAddress[];
  /** The system's, where it has any, go before `servers`. */
  readonly fallback: boolean;
  /** Families without an address on any interface are not asked for. */
  readonly routableOnly: boolean;
  /** Names are not completed by the domains of the system. */
  readonly completes: boolean;
  /** Milliseconds for the first try; null is the resolver's. */
  readonly timeout: number | null;
  readonly tries: number | null;
  /** Each question goes to another server first. */
  readonly rotates: boolean;
};

/** null: that of the whole proxy. */
export function decodeDnsResolver(config: TypedExtensionConfig | undefined, path: string): DnsResolverConfig | null {
  if (config === undefined) return null;
  const { typedConfig: any } = config;
  const here = at(path, 'typed_config');
  if (any === undefined) throw new ConfigError(here, 'is required');
  switch (typeNameOf(any)) {
    case CaresDnsResolverConfigSchema.typeName:
      return decodeCares(unpack(any, CaresDnsResolverConfigSchema, here), here);
    case GetAddrInfoDnsResolverConfigSchema.typeName: {
      const { numRetries } = unpack(any, GetAddrInfoDnsResolverConfigSchema, here);
      return { kind: 'getaddrinfo', retries: numRetries ?? 0 };
    }
    default:
      throw unsupportedType(any, here);
  }
}

/** The newest of the three fields that say it holds. */
export function decodeClusterResolver(cluster: Cluster): DnsResolverConfig | null {
  const typed = decodeDnsResolver(cluster.typedDnsResolverConfig, 'typed_dns_resolver_config');
  if (typed !== null) return typed;
  if (cluster.dnsResolutionConfig !== undefined)
    return decodeResolution(cluster.dnsResolutionConfig, 'dns_resolution_config');
  if (cluster.dnsResolvers.length === 0) return null;
  return { ...plainServers, servers: mapAt(cluster.dnsResolvers, 'dns_resolvers', decodeServer) };
}

/** At least one server, as Envoy demands. */
export function decodeResolution(config: DnsResolutionConfig, path: string): DnsResolverConfig {
  if (config.resolvers.length === 0) throw new ConfigError(at(path, 'resolvers'), 'is empty');
  return {
    ...plainServers,
    servers: mapAt(config.resolvers, at(path, 'resolvers'), decodeServer),
    completes: config.dnsResolverOptions?.noDefaultSearchDomain !== true,
  };
}

const plainServers: ServersConfig = {
  kind: 'servers',
  servers: [],
  fallback: false,
  routableOnly: false,
  completes: true,
  timeout: null,
  tries: null,
  rotates: false,
};

function decodeCares(cares: CaresDnsResolverConfig, path: string): DnsResolverConfig {
  const config: ServersConfig = {
    ...plainServers,
    servers: mapAt(cares.resolvers, at(path, 'resolvers'), decodeServer),
    fallback: cares.useResolversAsFallback,
    routableOnly: cares.filterUnroutableFamilies,
    completes: cares.dnsResolverOptions?.noDefaultSearchDomain !== true,
    timeout: cares.queryTimeoutSeconds ? Number(cares.queryTimeoutSeconds) * 1000 : null,
    tries: cares.queryTries || null,
    rotates: cares.rotateNameservers,
  };
  const isPlain =
    config.servers.length === 0 && config.timeout === null && config.tries === null && !config.routableOnly;
  return isPlain && config.completes && !config.rotates ? { kind: 'system' } : config;
}

function decodeServer(address: Address, path: string): SocketAddress {
  const server = decodeAddress(address, path);
  if (isIP(server.address) === 0) throw new ConfigError(path, `${server.address} is no IP address`);
  return server;
}
