// Shares of traffic: weighted clusters and endpoints, counted over many requests.
import { describe, expect, test } from 'vitest';
import { get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { countAnswers, expectShares, type Shares } from './harness/shares.ts';

const weighted = (shares: Shares): string =>
  `weighted_clusters: { clusters: [${Object.entries(shares)
    .map(([name, weight]) => `{ name: ${name}, weight: ${weight} }`)
    .join(', ')}] }`;
const endpoint = (port: string, weight = 1): string =>
  `{ load_balancing_weight: ${weight}, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`;
const cluster = (name: string, policy: string, ...endpoints: string[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, lb_policy: ${policy}, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${endpoints.join(', ')}] }] } }`;

/** Shares in percent, and how far off chance may take them: 0 where there is no chance. */
const rows: readonly (readonly [name: string, path: string, shares: Shares, tolerance: number])[] = [
  ['90 to 10', '/canary', { a: 90, b: 10 }, 5],
  ['half and half', '/half', { a: 50, b: 50 }, 8],
  ['three ways, not out of 100', '/three', { a: 50, b: 25, c: 25 }, 8],
  ['all to one', '/one', { a: 0, b: 100 }, 0],
  ['endpoints in turn', '/turns', { a: 50, b: 50 }, 0],
  ['endpoints in turn by weight', '/turns-weighted', { a: 75, b: 25 }, 1],
  ['endpoints at random', '/random', { a: 50, b: 50 }, 8],
];

const FILTER = 'type.googleapis.com/envoy.extensions.filters.http';
/** Tells which cluster the route leads to, before the request goes there; answers itself where it is asked to. */
const TELLS = `[
  { name: tells, typed_config: { "@type": ${FILTER}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [{ append: { header: { key: x-chosen, value: "%CEL(xds.cluster_name)%" } } }] } } },
  { name: fault, typed_config: { "@type": ${FILTER}.fault.v3.HTTPFault, abort: { http_status: 418, percentage: { numerator: 100 } }, headers: [{ name: x-abort }] } }]`;

compareWithEnvoy(
  {
    name: 'weights',
    listeners: { front: {}, tells: { filters: TELLS } },
    virtualHosts: `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /canary }, route: { ${weighted({ a: 90, b: 10 })} } }
    - { match: { path: /half }, route: { ${weighted({ a: 1, b: 1 })} } }
    - { match: { path: /three }, route: { ${weighted({ a: 2, b: 1, c: 1 })} } }
    - { match: { path: /one }, route: { ${weighted({ a: 0, b: 5 })} } }
    - { match: { path: /turns }, route: { cluster: turns } }
    - { match: { path: /turns-weighted }, route: { cluster: turns-weighted } }
    - { match: { path: /random }, route: { cluster: random } }
    - match: { path: /edited }
      route: { weighted_clusters: { clusters: [{ name: a, weight: 1, response_headers_to_add: [{ header: { key: x-of, value: a } }] }] } }
`,
    clusters: `[${[
      cluster('turns', 'ROUND_ROBIN', endpoint('<a>'), endpoint('<b>')),
      cluster('turns-weighted', 'ROUND_ROBIN', endpoint('<a>', 3), endpoint('<b>')),
      cluster('random', 'RANDOM', endpoint('<a>'), endpoint('<b>')),
    ].join(', ')}]`,
    cases: [
      {
        name: 'what is answered before the cluster is asked is edited as its responses are',
        listener: 'tells',
        send: get('/edited', 'x-abort: 1'),
        wants: { status: 418, reached: [], headers: { 'x-of': 'a' } },
      },
    ],
  },
  (pair) => {
    describe.each(['reference', 'ours'] as const)('%s', (which: keyof Pair) => {
      test.each(rows)('%s', async (_name, path, shares, tolerance) => {
        await expectShares(pair()[which], path, shares, tolerance);
      });

      test('filters know which it will be', async () => {
        const stand = pair()[which];
        for (const upstream of stand.upstreams) upstream.script();
        await countAnswers(stand, '/three', 100, { listener: 'tells' });
        for (const { name, received } of stand.upstreams) {
          const told = received.map(({ headers }) => headers.find(([key]) => key === 'x-chosen')?.[1]);
          expect(new Set(told)).toEqual(new Set([name]));
        }
      });
    });
  },
);
