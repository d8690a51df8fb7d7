// What happens at each endpoint, as statistics (`track_cluster_stats.per_endpoint_stats`).
import { expect, test } from 'vitest';
import { respond } from '../support/upstream.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const member = (port: string, more = ''): string =>
  `{ health_status: ${port === 'b' ? 'UNHEALTHY' : 'HEALTHY'}, endpoint: { ${more} address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
const cluster = (name: string, ...members: string[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, track_cluster_stats: { per_endpoint_stats: true }, common_lb_config: { healthy_panic_threshold: { value: 0 } }, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${members.join(', ')}] }] } }`;

compareWithEnvoy(
  {
    name: 'endpoint statistics',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [{ match: { path: /shop }, route: { cluster: shop.east } }, { match: { path: /gone }, route: { cluster: gone } }] }]`,
    clusters: `[${cluster('shop.east', member('a', 'observability_name: first,'), member('b'))}, ${cluster('gone', member('dead'))}]`,
    cases: [
      { name: 'an answer', send: get('/shop'), wants: { status: 200, reached: ['a'] } },
      {
        name: 'a bad answer',
        send: get('/shop'),
        script: { a: [respond({ status: 503 })] },
        wants: { status: 503, reached: ['a'] },
      },
      { name: 'no connection', send: get('/gone'), wants: { status: 503, reached: [], flags: 'UF' } },
    ],
  },
  (pair) => {
    test.each(['text', 'prometheus'])('in %s', async (form) => {
      const [envoy, ours] = await figuresOfBoth(pair(), (stand) => figures(stand, form));
      expect(envoy!.length).toBe(30);
      expect(ours).toEqual(envoy);
    });
  },
);

/** Lines about endpoints. Names in Prometheus have the host name of the endpoint in Envoy alone, and it is empty here. */
async function figures(stand: Pair['ours'], form: string): Promise<readonly string[]> {
  const path = form === 'text' ? 'stats' : 'stats/prometheus';
  const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/${path}`)).text();
  return stand
    .withoutPorts(text.replaceAll('127.0.0.1_', '127.0.0.1:'))
    .split('\n')
    .filter((line) => /^[^#]*endpoint[._]/.test(line))
    .map((line) => line.replace(/,?envoy_endpoint_hostname=""/, ''))
    .sort();
}
