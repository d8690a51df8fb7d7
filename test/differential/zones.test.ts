// Zone-aware routing: how much stays in the proxy's own zone, by where callers and endpoints are.
import { describe, test } from 'vitest';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { expectShares, type Shares } from './harness/shares.ts';

const group = (zone: string, ...ports: string[]): string =>
  `{ locality: { zone: ${zone} }, lb_endpoints: [${ports.map((port) => `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`).join(', ')}] }`;
const cluster = (name: string, config: string, ...groups: string[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, common_lb_config: { zone_aware_lb_config: { ${config} } }, load_assignment: { cluster_name: ${name}, endpoints: [${groups.join(', ')}] } }`;

/** Half of the callers are here. */
const local = cluster('local', '', group('here', 'a'), group('there', 'b'));

/** Shares in percent. */
const rows: readonly (readonly [name: string, config: string, shares: Shares])[] = [
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
        await expectShares(pair()[which], `/${name}`, shares, TOLERANCE);
      });
    });
  },
);
