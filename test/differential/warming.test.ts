// Nobody is served before the endpoints of a new cluster were checked once, well or not.
import { expect, test } from 'vitest';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';
import { figuresOfBoth } from './harness/statistics.ts';

/** Checks that end by their time-outs: the endpoint accepts and says nothing. */
const slow = (name: string, timeout: string): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, health_checks: [{ timeout: ${timeout}, interval: 60s, no_traffic_interval: 60s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: { receive: [{ text: ff }] } }], load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }, { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <b> } } } }] }] } }`;
const named = `{ name: named, type: STRICT_DNS, connect_timeout: 1s, load_assignment: { cluster_name: named, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: localhost, port_value: <a> } } } }] }] } }`;

/** Keys of the first provider are waited for, though in vain, those of the second are not. */
const keys = (uri: string, ahead: string): string =>
  `{ remote_jwks: { http_uri: { uri: "http://keys.test/${uri}", cluster: refused, timeout: 1s }, async_fetch: ${ahead} } }`;
const jwt = (prefix: string, provider: string): string => `
- name: ${prefix}
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    stat_prefix: ${prefix}
    providers: { p: ${provider} }`;

compareWithEnvoy(
  {
    name: 'warming',
    virtualHosts: '[{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: a } }] }]',
    clusters: `[${slow('half-a-second', '0.5s')}, ${slow('a-second', '1s')}, ${named}]`,
    listeners: {
      front: {
        filters:
          jwt('awaited', keys('k', '{ failed_refetch_duration: 60s }')) +
          jwt('asked', keys('k', '{ fast_listener: true }')),
      },
    },
    cases: [],
  },
  (pair) => {
    test('listeners open after the first checks', async () => {
      const [envoy, ours] = await figuresOfBoth(pair(), counters);
      expect(envoy).toEqual([
        'cluster.a-second.health_check.attempt: 2',
        'cluster.a-second.health_check.failure: 2',
        'cluster.half-a-second.health_check.attempt: 2',
        'cluster.half-a-second.health_check.failure: 2',
        'cluster.named.membership_total: 1',
        'http.front.jwt_authn.awaited.jwks_fetch_failed: 1',
      ]);
      expect(ours).toEqual(envoy);
    });
  },
);

async function counters(stand: Stand): Promise<readonly string[]> {
  const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats`)).text();
  const wanted = /second\.health_check\.(attempt|failure)|named\.membership_total|awaited\.jwks_fetch_failed/;
  return text
    .split('\n')
    .filter((line) => wanted.test(line))
    .sort();
}
