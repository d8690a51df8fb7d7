// Which endpoint a request goes to: hashes must choose the very same one, chance must keep to the same shares.
import { describe, expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { expectShares, type Shares } from './harness/shares.ts';
import type { Stand } from './harness/stand.ts';

type Member = {
  readonly port: string;
  readonly weight?: number;
  readonly labels?: string;
  readonly health?: string;
};

/** `hash_key` and hostnames stand for addresses, whose ports differ between the two proxies. */
const member = ({ port, weight = 1, labels = `hash_key: key-${port}`, health = 'UNKNOWN' }: Member): string =>
  `{ load_balancing_weight: ${weight}, health_status: ${health}, metadata: { filter_metadata: { envoy.lb: { ${labels} } } }, endpoint: { hostname: host-${port}, address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
const group = (members: readonly Member[], more = ''): string =>
  `{ ${more} lb_endpoints: [${members.map(member).join(', ')}] }`;
const cluster = (name: string, fields: string, groups: readonly string[], policy = '', type = 'STATIC'): string =>
  `{ name: ${name}, type: ${type}, connect_timeout: 1s, ${fields}, load_assignment: { cluster_name: ${name}, ${policy} endpoints: [${groups.join(', ')}] } }`;

const all: readonly Member[] = [{ port: 'a' }, { port: 'b' }, { port: 'c' }];
const weighted: readonly Member[] = [
  { port: 'a', weight: 1 },
  { port: 'b', weight: 4 },
  { port: 'c', weight: 2 },
];
const byHostname = 'common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } }';
const typed = (type: string, fields: string): string =>
  `load_balancing_policy: { policies: [{ typed_extension_config: { name: p, typed_config: { "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.${type}, ${fields} } } }] }`;

const hashing: Readonly<Record<string, string>> = {
  ring: cluster('ring', 'lb_policy: RING_HASH', [group(all)]),
  'ring-of-hostnames': cluster(
    'ring-of-hostnames',
    `lb_policy: RING_HASH, ${byHostname}`,
    [group(all.map(({ port }) => ({ port, labels: '' })))],
    '',
    'STRICT_DNS',
  ),
  'ring-by-weight': cluster('ring-by-weight', `lb_policy: RING_HASH`, [group(weighted)]),
  'small-ring': cluster(
    'small-ring',
    `lb_policy: RING_HASH, ring_hash_lb_config: { minimum_ring_size: 5, maximum_ring_size: 7 }`,
    [group(weighted)],
  ),
  'ring-by-murmur': cluster(
    'ring-by-murmur',
    `lb_policy: RING_HASH, ring_hash_lb_config: { hash_function: MURMUR_HASH_2 }`,
    [group(all)],
  ),
  maglev: cluster('maglev', 'lb_policy: MAGLEV', [group(all)]),
  'maglev-by-weight': cluster('maglev-by-weight', `lb_policy: MAGLEV`, [group(weighted)]),
  'small-table': cluster(
    'small-table',
    typed('maglev.v3.Maglev', 'table_size: 11, consistent_hashing_lb_config: { use_hostname_for_hashing: true }'),
    [group(weighted)],
  ),
  'ring-typed': cluster(
    'ring-typed',
    typed(
      'ring_hash.v3.RingHash',
      'minimum_ring_size: 64, consistent_hashing_lb_config: { use_hostname_for_hashing: true }',
    ),
    [group(all)],
  ),
  'ring-by-locality': cluster(
    'ring-by-locality',
    typed(
      'ring_hash.v3.RingHash',
      'locality_weighted_lb_config: {}, consistent_hashing_lb_config: { use_hostname_for_hashing: true }',
    ),
    [
      group(all.slice(0, 1), 'locality: { region: r }, load_balancing_weight: 3,'),
      group(all.slice(1), 'locality: { region: q }, load_balancing_weight: 2,'),
    ],
  ),
  'ring-over-priorities': cluster('ring-over-priorities', 'lb_policy: RING_HASH', [
    group([{ port: 'a' }, { port: 'b', health: 'UNHEALTHY' }]),
    group([{ port: 'c' }], 'priority: 1,'),
  ]),
};

const labelled: readonly Member[] = [
  { port: 'a', labels: 'version: "1", stage: prod' },
  { port: 'b', labels: 'version: "2", stage: prod' },
  { port: 'c', labels: 'version: "2", stage: test' },
];
const subsets = (fields: string): string =>
  `lb_subset_config: { subset_selectors: [{ keys: [version] }, { keys: [stage, version], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [version] }], ${fields} }`;
const weightedZones = 'common_lb_config: { locality_weighted_lb_config: {} }';
const noPanic = 'common_lb_config: { healthy_panic_threshold: { value: 0 } }';

/** Shares in percent, and how far off chance may take them. `none` is 503. */
type Row = {
  readonly cluster: string;
  readonly config: string;
  readonly match?: string;
  readonly shares: Shares;
  readonly tolerance: number;
};
const subset = (name: string, fields: string, match: string, ...reached: string[]): Row => ({
  cluster: name,
  config: cluster(name, `lb_policy: ROUND_ROBIN, ${subsets(fields)}`, [group(labelled)]),
  match,
  shares: Object.fromEntries(reached.map((upstream) => [upstream, 100 / reached.length])),
  tolerance: 1,
});
/** One endpoint, written as the row needs it. */
const single = (name: string, fields: string, endpoint: string): Row => ({
  cluster: name,
  config: `{ name: ${name}, connect_timeout: 1s, ${fields}, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { ${endpoint} } }] }] } }`,
  shares: { a: 100 },
  tolerance: 0,
});
const place = (address: string, port: string): string =>
  `address: { socket_address: { address: ${address}, port_value: <${port}> } }`;

const rows: readonly Row[] = [
  single('by-name', 'type: STRICT_DNS, dns_lookup_family: V4_ONLY, respect_dns_ttl: true', place('localhost', 'a')),
  single('by-one-name', 'type: LOGICAL_DNS, dns_lookup_family: V4_PREFERRED', place('localhost', 'a')),
  single(
    'by-typed-name',
    'cluster_type: { name: envoy.clusters.dns, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster, dns_lookup_family: V4_ONLY } }',
    place('localhost', 'a'),
  ),
  single(
    'by-the-second-address',
    'type: STATIC',
    `${place('127.0.0.1', 'dead')}, additional_addresses: [{ ${place('127.0.0.1', 'a')} }]`,
  ),
  subset('subset-one', 'fallback_policy: NO_FALLBACK', 'version: "1"', 'a'),
  subset('subset-two', 'fallback_policy: NO_FALLBACK', 'version: "2"', 'b', 'c'),
  subset('subset-both', 'fallback_policy: NO_FALLBACK', 'version: "2", stage: test', 'c'),
  subset('subset-fewer-keys', 'fallback_policy: NO_FALLBACK', 'version: "1", stage: test', 'a'),
  subset('subset-none', 'fallback_policy: NO_FALLBACK', 'version: "3"', 'none'),
  subset('subset-other-keys', 'fallback_policy: NO_FALLBACK', 'stage: test', 'none'),
  subset('subset-any', 'fallback_policy: ANY_ENDPOINT', 'version: "3"', 'a', 'b', 'c'),
  subset('subset-default', 'fallback_policy: DEFAULT_SUBSET, default_subset: { stage: test }', 'version: "3"', 'c'),
  subset(
    'subset-panic',
    'fallback_policy: DEFAULT_SUBSET, default_subset: { stage: none }, panic_mode_any: true',
    'version: "3"',
    'a',
    'b',
    'c',
  ),
  subset('subset-no-panic', 'fallback_policy: NO_FALLBACK, panic_mode_any: true', 'version: "3"', 'none'),
  {
    cluster: 'degraded',
    config: cluster('degraded', noPanic, [
      group([{ port: 'a' }, { port: 'b', health: 'DEGRADED' }, { port: 'c', health: 'UNHEALTHY' }]),
    ]),
    shares: { a: 50, b: 50 },
    tolerance: 8,
  },
  {
    cluster: 'draining',
    config: cluster('draining', noPanic, [
      group([{ port: 'a' }, { port: 'b', health: 'DRAINING' }, { port: 'c', health: 'TIMEOUT' }]),
    ]),
    shares: { a: 100 },
    tolerance: 0,
  },
  {
    cluster: 'panic',
    config: cluster('panic', 'lb_policy: ROUND_ROBIN', [
      group([{ port: 'a' }, { port: 'b', health: 'UNHEALTHY' }, { port: 'c', health: 'TIMEOUT' }]),
    ]),
    shares: { a: 33.3, b: 33.3, c: 33.3 },
    tolerance: 1,
  },
  {
    cluster: 'no-panic-for-the-draining',
    config: cluster('no-panic-for-the-draining', 'lb_policy: ROUND_ROBIN', [
      group([{ port: 'a' }, { port: 'b', health: 'UNHEALTHY' }, { port: 'c', health: 'DRAINING' }]),
    ]),
    shares: { a: 100 },
    tolerance: 0,
  },
  {
    cluster: 'fail-on-panic',
    config: cluster('fail-on-panic', 'common_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } }', [
      group([{ port: 'a' }, { port: 'b', health: 'UNHEALTHY' }, { port: 'c', health: 'UNHEALTHY' }]),
    ]),
    shares: { none: 100 },
    tolerance: 0,
  },
  {
    cluster: 'priorities',
    config: cluster('priorities', 'lb_policy: ROUND_ROBIN', [
      group([{ port: 'a' }, { port: 'b', health: 'UNHEALTHY' }]),
      group([{ port: 'c' }], 'priority: 1,'),
    ]),
    shares: { a: 70, c: 30 },
    tolerance: 8,
  },
  {
    cluster: 'overprovisioned',
    config: cluster(
      'overprovisioned',
      'lb_policy: ROUND_ROBIN',
      [group([{ port: 'a' }, { port: 'b', health: 'UNHEALTHY' }]), group([{ port: 'c' }], 'priority: 1,')],
      'policy: { overprovisioning_factor: 100 },',
    ),
    shares: { a: 50, c: 50 },
    tolerance: 8,
  },
  {
    cluster: 'health-by-weight',
    config: cluster(
      'health-by-weight',
      'lb_policy: ROUND_ROBIN',
      [
        group([
          { port: 'a', weight: 9 },
          { port: 'b', health: 'UNHEALTHY' },
        ]),
        group([{ port: 'c' }], 'priority: 1,'),
      ],
      'policy: { weighted_priority_health: true },',
    ),
    shares: { a: 100 },
    tolerance: 0,
  },
  {
    cluster: 'localities',
    config: cluster('localities', weightedZones, [
      group(all.slice(0, 2), 'locality: { region: r }, load_balancing_weight: 1,'),
      group(all.slice(2), 'locality: { region: q }, load_balancing_weight: 3,'),
    ]),
    shares: { a: 12.5, b: 12.5, c: 75 },
    tolerance: 3,
  },
  {
    cluster: 'localities-typed',
    config: cluster(
      'localities-typed',
      typed('round_robin.v3.RoundRobin', 'locality_lb_config: { locality_weighted_lb_config: {} }'),
      [
        group(all.slice(0, 2), 'locality: { region: r }, load_balancing_weight: 1,'),
        group(all.slice(2), 'locality: { region: q }, load_balancing_weight: 3,'),
      ],
    ),
    shares: { a: 12.5, b: 12.5, c: 75 },
    tolerance: 3,
  },
  {
    cluster: 'drops',
    config: cluster(
      'drops',
      'lb_policy: ROUND_ROBIN',
      [group(all.slice(0, 1))],
      'policy: { drop_overloads: [{ category: c, drop_percentage: { numerator: 40 } }] },',
    ),
    shares: { a: 60, none: 40 },
    tolerance: 8,
  },
  {
    cluster: 'least-request-weighted',
    config: cluster('least-request-weighted', 'lb_policy: LEAST_REQUEST', [group(weighted)]),
    shares: { a: 100 / 7, b: 400 / 7, c: 200 / 7 },
    tolerance: 1,
  },
  {
    cluster: 'full-scan',
    config: cluster('full-scan', typed('least_request.v3.LeastRequest', 'selection_method: FULL_SCAN'), [group(all)]),
    shares: { a: 33.3, b: 33.3, c: 33.3 },
    tolerance: 8,
  },
];

const routes = [
  ...Object.keys(hashing).map(
    (name) =>
      `{ match: { path: /${name} }, route: { cluster: ${name}, hash_policy: [{ header: { header_name: x-key } }] } }`,
  ),
  ...rows.map(
    ({ cluster: name, match = '' }) =>
      `{ match: { path: /${name} }, route: { cluster: ${name}, metadata_match: { filter_metadata: { envoy.lb: { ${match} } } } } }`,
  ),
  `{ match: { path: /destination }, route: { cluster: destination } }`,
  `{ match: { path: /drop-all }, route: { cluster: drop-all } }`,
  `{ match: { path: /drop-nearly-all }, route: { cluster: drop-nearly-all } }`,
];

const KEYS = Array.from({ length: 150 }, (_, i) => `key ${i * 7919}`);

compareWithEnvoy(
  {
    name: 'balancing',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${routes.join(', ')}] }]`,
    clusters: `[${[
      ...Object.values(hashing),
      ...rows.map(({ config }) => config),
      '{ name: destination, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 1s, original_dst_lb_config: { use_http_header: true } }',
      cluster(
        'drop-nearly-all',
        'lb_policy: ROUND_ROBIN',
        [group(all)],
        'policy: { drop_overloads: [{ category: c, drop_percentage: { numerator: 999999, denominator: MILLION } }] },',
      ),
      cluster(
        'drop-all',
        'lb_policy: ROUND_ROBIN',
        [group(all)],
        'policy: { drop_overloads: [{ category: c, drop_percentage: { numerator: 100 } }] },',
      ),
    ].join(', ')}]`,
    cases: [
      {
        name: 'no destination',
        send: get('/destination'),
        wants: { status: 503, reached: [], flags: 'UH', body: 'no healthy upstream' },
      },
      {
        name: 'a destination that is none',
        send: get('/destination', 'x-envoy-original-dst-host: shop:80'),
        wants: { status: 503, reached: [], flags: 'UH', body: 'no healthy upstream' },
      },
      { name: 'a drop by chance', send: get('/drop-nearly-all'), wants: { status: 503, reached: [], flags: 'DO' } },
      { name: 'a drop without exception', send: get('/drop-all'), wants: { status: 503, reached: [], flags: 'UDO' } },
      {
        name: 'a subset nobody is in',
        send: get('/subset-none'),
        wants: { status: 503, reached: [], flags: 'UH', body: 'no healthy upstream' },
      },
    ],
  },
  (pair) => {
    test.each(Object.keys(hashing))('the same endpoints: %s', async (name) => {
      const [reference, ours] = await Promise.all([
        owners(pair().reference, `/${name}`),
        owners(pair().ours, `/${name}`),
      ]);
      expect(new Set(reference).size, 'Envoy: endpoints').toBeGreaterThan(1);
      expect(ours).toEqual(reference);
    });

    test('the destination that a header names', async () => {
      for (const stand of [pair().reference, pair().ours]) {
        using connection = await RawConnection.open(stand.portOf('front'));
        for (const upstream of stand.upstreams.slice(0, 3)) {
          upstream.script();
          connection.send(get('/destination', `x-envoy-original-dst-host: 127.0.0.1:${upstream.port}`));
          expect((await connection.response()).body, stand.subject).toBe(upstream.name);
        }
      }
    });

    describe.each(['reference', 'ours'] as const)('%s', (which: keyof Pair) => {
      test.each(rows)('$cluster', async ({ cluster: name, shares, tolerance }) => {
        await expectShares(pair()[which], `/${name}`, shares, tolerance);
      });
    });
  },
);

async function owners(stand: Stand, path: string): Promise<string[]> {
  for (const upstream of stand.upstreams) upstream.script();
  using connection = await RawConnection.open(stand.portOf('front'));
  const found: string[] = [];
  for (const key of KEYS) {
    connection.send(get(path, `x-key: ${key}`));
    found.push((await connection.response()).body);
  }
  return found;
}
