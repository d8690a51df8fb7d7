// Health checks that reach endpoints by another transport than requests do.
import { expect, test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const TLS =
  'transport_socket: { name: tls, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: { tls_certificates: [{ certificate_chain: { filename: <folder>/client.pem }, private_key: { filename: <folder>/client-key.pem } }], validation_context: { trusted_ca: { filename: <folder>/ca.pem } } } } }';
/** Requests go to `a` in plain text; checks to `secure`, which speaks TLS only. */
const cluster = (name: string, check: string): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, common_lb_config: { healthy_panic_threshold: { value: 0 } }, transport_socket_matches: [{ name: tls, match: { mode: tls }, ${TLS} }], health_checks: [{ timeout: 1s, interval: 60s, no_traffic_interval: 60s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: /check }, ${check} }], load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { health_check_config: { port_value: <secure> }, address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }`;
const names = ['by-tls', 'with-alpn', 'plain', 'by-another-label'];

compareWithEnvoy(
  {
    name: 'health transport',
    certificates: true,
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${names.map((name) => `{ match: { path: /${name} }, route: { cluster: ${name} } }`).join(', ')}] }]`,
    clusters: `[${[
      cluster('by-tls', 'transport_socket_match_criteria: { mode: tls }'),
      cluster(
        'with-alpn',
        'transport_socket_match_criteria: { mode: tls }, tls_options: { alpn_protocols: [http/1.1] }',
      ),
      cluster('plain', ''),
      cluster('by-another-label', 'transport_socket_match_criteria: { mode: none }'),
    ].join(', ')}]`,
    cases: [
      { name: 'checked over TLS', send: get('/by-tls'), wants: { status: 200, reached: ['a'] } },
      { name: 'checked over TLS with ALPN', send: get('/with-alpn'), wants: { status: 200, reached: ['a'] } },
      { name: 'checked as requests go', send: get('/plain'), wants: { status: 503, reached: [], flags: 'UH' } },
      {
        name: 'checked by no transport of the name',
        send: get('/by-another-label'),
        wants: { status: 503, reached: [], flags: 'UH' },
      },
    ],
  },
  (pair) => {
    test('who is well', async () => {
      const [envoy, ours] = await figuresOfBoth(pair(), members);
      expect(envoy).toEqual(['by-another-label 0', 'by-tls 1', 'plain 0', 'with-alpn 1']);
      expect(ours).toEqual(envoy);
    });
  },
);

async function members(stand: Stand): Promise<readonly string[]> {
  return waitFor(`checks of ${stand.subject}`, async () => {
    const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats`)).text();
    const found = [...text.matchAll(/^cluster\.([\w-]+)\.membership_healthy: (\d)$/gm)];
    return found.flatMap(([, name, count]) => (names.includes(name!) ? [`${name} ${count}`] : [])).sort();
  });
}
