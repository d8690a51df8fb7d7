import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { AppleDnsResolverConfigSchema } from '../../xds/gen/envoy/extensions/network/dns_resolver/apple/v3/apple_dns_resolver_pb.ts';
import { CaresDnsResolverConfigSchema } from '../../xds/gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts';
import { GetAddrInfoDnsResolverConfigSchema } from '../../xds/gen/envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver_pb.ts';
import { cluster, packed } from '../testing/resources.ts';

const server = (address: string, port_value = 53) => ({ socket_address: { address, port_value } });
const typed = (typed_config: JsonObject) => ({ typed_dns_resolver_config: { name: 'r', typed_config } });
const cares = (fields: JsonObject = {}) => typed(packed(CaresDnsResolverConfigSchema, fields));
const resolverOf = (fields: JsonObject) => {
  const { discovery } = cluster({ type: 'STRICT_DNS', load_assignment: {}, ...fields });
  return 'resolver' in discovery ? discovery.resolver : undefined;
};

const plain = {
  kind: 'servers',
  servers: [{ address: '10.0.0.1', port: 53 }],
  fallback: false,
  routableOnly: false,
  completes: true,
  timeout: null,
  tries: null,
  rotates: false,
};
const resolvers = [server('10.0.0.1')];

describe('who is asked for addresses', () => {
  test.each<[string, JsonObject, unknown]>([
    ['whom the proxy asks', {}, null],
    ['the system', cares(), { kind: 'system' }],
    ['the system, whatever its sockets', cares({ udp_max_queries: 100 }), { kind: 'system' }],
    ['servers', cares({ resolvers }), plain],
    ['servers, as it was said before', { dns_resolution_config: { resolvers } }, plain],
    ['servers, as it was said at first', { dns_resolvers: resolvers }, plain],
    [
      'the newest field',
      { ...cares({ resolvers }), dns_resolution_config: { resolvers: [server('10.0.0.2')] }, dns_resolvers: [] },
      plain,
    ],
    [
      'servers, in every detail',
      cares({
        resolvers,
        use_resolvers_as_fallback: true,
        filter_unroutable_families: true,
        dns_resolver_options: { no_default_search_domain: true },
        query_timeout_seconds: 2,
        query_tries: 3,
        rotate_nameservers: true,
      }),
      { ...plain, fallback: true, routableOnly: true, completes: false, timeout: 2000, tries: 3, rotates: true },
    ],
    [
      'getaddrinfo',
      typed(packed(GetAddrInfoDnsResolverConfigSchema, { num_retries: 2, num_resolver_threads: 3 })),
      { kind: 'getaddrinfo', retries: 2 },
    ],
  ])('%s', (_name, fields, wants) => {
    expect(resolverOf(fields)).toEqual(wants);
  });

  test.each<[JsonObject, string]>([
    [
      cares({ resolvers: [server('dns.test')] }),
      'typed_dns_resolver_config.typed_config.resolvers[0]: dns.test is no IP address',
    ],
    [
      cares({ dns_resolver_options: { use_tcp_for_dns_lookups: true } }),
      'typed_dns_resolver_config.typed_config.dns_resolver_options.use_tcp_for_dns_lookups: is not supported',
    ],
    [{ dns_resolution_config: {} }, 'dns_resolution_config.resolvers: is empty'],
    [typed(packed(AppleDnsResolverConfigSchema)), 'typed_dns_resolver_config.typed_config: type envoy'],
  ])('refuses %j', (fields, wants) => {
    expect(() => resolverOf(fields)).toThrow(wants);
  });
});
