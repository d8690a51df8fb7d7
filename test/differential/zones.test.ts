// Zone-aware routing: how much stays in the proxy's own zone, by where callers and endpoints are.
import { describe, expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';

const group = (zone: string, ...ports: string[]): string =>
  `{ locality: { zone: ${zone} }, lb_endpoints: [${ports.map((port) => `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`).join(', ')}] }`;
const cluster = (name: string, config: string, ...groups: string[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, common_lb_config: { zone_aware_lb_config: { ${config} } }, load_assignment: { cluster_name: ${name}, endpoints: [${groups.join(', ')}] } }`;

/** Half of the callers are here. */
const local = cluster('local', '', group('here', 'a'), group('there', 'b'));

/** Shares in percent. */
const rows: readonly (readonly [name: string, config: string, shares: Record<string, number>])[] = [
  [
    'third-here',
    cluster('third-here', 'min_cluster_size: 1', group('here', 'a'), group('there', 'b', 'c')),
    { a: 66.7, b: 16.7, c: 16.7 },
  ],
  [
    'most-here',
    cluster('most-here', 'min_cluster_size: 1', group('here', 'a', 'b'), group('there', 'c')),
    { a: 50, b: 50 },
  ],
  [
    'none-here',
    cluster('none-here', 'min_cluster_size: 1', group('there', 'a'), group('far', 'b', 'c')),
    { b: 50, c: 50 },
  ],
  [
    'too-small',
    cluster('too-small', 'min_cluster_size: 4', group('here', 'a'), group('there', 'b', 'c')),
    { a: 33.3, b: 33.3, c: 33.3 },
  ],
  [
    'half-by-zone',
    cluster(
      'half-by-zone',
      'min_cluster_size: 1, routing_enabled: { value: 50 }',
      group('here', 'a', 'b'),
      group('there', 'c'),
    ),
    { a: 41.7, b: 41.7, c: 16.7 },
  ],
];

const REQUESTS = 900;
const TOLERANCE = 7;

compareWithEnvoy(
  {
    name: 'zones',
    bootstrap:
      '{ node: { id: differential, cluster: differential, locality: { zone: here } }, cluster_manager: { local_cluster_name: local } }',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${rows.map(([name]) => `{ match: { path: /${name} }, route: { cluster: ${name} } }`).join(', ')}] }]`,
    clusters: `[${[local, ...rows.map(([, config]) => config)].join(', ')}]`,
    cases: [],
  },
  (pair) => {
    describe.each(['reference', 'ours'] as const)('%s', (which: keyof Pair) => {
      test.each(rows)('%s', async (name, _config, shares) => {
        const stand = pair()[which];
        for (const upstream of stand.upstreams) upstream.script();
        using connection = await RawConnection.open(stand.portOf('front'));
        const counts: Record<string, number> = {};
        for (let i = 0; i < REQUESTS; i += 1) {
          connection.send(get(`/${name}`));
          const { body } = await connection.response();
          counts[body] = (counts[body] ?? 0) + 100 / REQUESTS;
        }
        expect(Object.keys(counts).sort()).toEqual(Object.keys(shares).sort());
        for (const [upstream, share] of Object.entries(shares)) {
          expect(Math.abs(counts[upstream]! - share), `${upstream} got ${counts[upstream]}%`).toBeLessThan(TOLERANCE);
        }
      });
    });
  },
);
