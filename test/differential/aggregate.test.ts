// Aggregate clusters: which member and which priority of it a request goes to, and whose limits and statistics it counts for.
import { describe, expect, test } from 'vitest';
import { respond } from '../support/upstream.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { expectShares, type Shares } from './harness/shares.ts';
import type { Stand } from './harness/stand.ts';
import { figuresOfBoth } from './harness/statistics.ts';

/** In percent. */
const TOLERANCE = 9;

type Member = readonly [port: string, health?: string];
const group = (priority: number, members: readonly Member[]): string =>
  `{ priority: ${priority}, lb_endpoints: [${members
    .map(
      ([port, health = 'UNKNOWN']) =>
        `{ health_status: ${health}, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`,
    )
    .join(', ')}] }`;
const member = (name: string, fields: string, ...groups: readonly string[]): string =>
  `{ name: ${name}, connect_timeout: 1s, ${fields}, load_assignment: { cluster_name: ${name}, endpoints: [${groups.join(', ')}] } }`;
const aggregate = (name: string, members: readonly string[], fields = ''): string =>
  `{ name: ${name}, connect_timeout: 1s, lb_policy: CLUSTER_PROVIDED, ${fields} cluster_type: { name: envoy.clusters.aggregate, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [${members.join(', ')}] } } }`;

const BAD = 'UNHEALTHY';
const members = [
  member('well', 'type: STATIC', group(0, [['a']])),
  member('ill', 'type: STATIC', group(0, [['a', BAD]])),
  member('half', 'type: STATIC', group(0, [['a'], ['a2', BAD]])),
  member('named', 'type: STRICT_DNS', group(0, [['b']])),
  member('none', 'type: STATIC'),
  member('levels', 'type: STATIC', group(0, [['b', BAD]]), group(1, [['c']])),
  member('gap', 'type: STATIC', group(0, []), group(1, [['c']])),
  member('worse', 'type: STATIC', group(0, [['b', 'DEGRADED']])),
  member('full', 'type: STATIC, circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] }', group(0, [['a']])),
  member('gone', 'type: STATIC', group(0, [['dead']])),
  member('ring', 'type: STATIC, lb_policy: RING_HASH', group(0, [['a', BAD]]), group(1, [['b']])),
].map((text) => text.replaceAll('<a2>', '<dead>'));

/** Shares in percent; `none` is an answer of the proxy. */
type Row = readonly [name: string, members: readonly string[], shares: Shares, fields?: string];
const NO_PANIC = 'common_lb_config: { healthy_panic_threshold: { value: 0 } },';
const rows: readonly Row[] = [
  ['the first while it is well', ['well', 'named'], { a: 100 }],
  ['the second while the first is not', ['ill', 'named'], { b: 100 }],
  ['a member without endpoints', ['none', 'named'], { b: 100 }],
  ['a member that does not exist', ['missing', 'named'], { b: 100 }],
  ['both by what the first can take', ['half', 'named'], { a: 70, b: 30 }],
  ['priorities within a member', ['ill', 'levels', 'well'], { c: 100 }],
  ['an empty priority is left out', ['ill', 'gap'], { c: 100 }],
  ['degraded after healthy', ['worse', 'well'], { a: 100 }],
  ['degraded when there is no better', ['ill', 'worse'], { b: 100 }],
  ['all in panic', ['ill', 'levels-ill'], { a: 50, b: 50 }],
  ['all bad without panic of the whole', ['ill', 'levels-ill'], { a: 100 }, NO_PANIC],
  ['nobody', ['none', 'missing'], { none: 100 }],
  ['one within another', ['inner', 'named'], { b: 100 }],
  ['itself', ['self', 'named'], { b: 100 }],
  ['a ring of two priorities', ['ring', 'well'], { b: 100 }],
];
const nameOf = (index: number): string => `whole-${index}`;

const wholes = [
  ...rows.map(([, list, , fields], i) =>
    aggregate(
      nameOf(i),
      list.map((one) => (one === 'self' ? nameOf(i) : one)),
      fields,
    ),
  ),
  member('levels-ill', 'type: STATIC', group(0, [['b', BAD]])),
  aggregate('inner', ['well']),
  aggregate('counted', ['well', 'named']),
  aggregate('limited', ['full', 'named'], 'circuit_breakers: { thresholds: [{ max_pending_requests: 10 }] },'),
  aggregate('broken', ['gone', 'named']),
];
const paths = [...rows.map((_, i) => nameOf(i)), 'counted', 'limited', 'broken', 'retried'];
const clusterOf = (path: string): string =>
  path === 'retried' ? 'cluster: counted, retry_policy: { retry_on: 5xx, num_retries: 1 }' : `cluster: ${path}`;

compareWithEnvoy(
  {
    name: 'aggregate',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${paths
      .map((path) => `{ match: { path: /${path} }, route: { ${clusterOf(path)} } }`)
      .join(', ')}] }]`,
    listeners: {
      front: {
        manager: `access_log: [{ name: f, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: <folder>/access.log, log_format: { text_format_source: { inline_string: "%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER%\\n" } } } }]`,
      },
    },
    clusters: `[${[...members, ...wholes].join(', ')}]`,
    cases: [
      {
        name: 'log of an answer',
        send: get('/counted'),
        wants: { status: 200, reached: ['a'], flags: '-' },
      },
      {
        name: 'the limits are those of the member',
        send: get('/limited'),
        wants: { status: 503, reached: [], flags: 'UO' },
      },
      {
        name: 'a member that cannot be reached',
        send: get('/broken'),
        wants: { status: 503, reached: [] },
      },
      {
        name: 'retries',
        send: get('/retried'),
        script: { a: [respond({ status: 500 }), respond()] },
        wants: { status: 200, reached: ['a', 'a'], flags: '-' },
      },
    ],
  },
  (pair) => {
    describe.each(['reference', 'ours'] as const)('%s', (which: keyof Pair) => {
      test.each(rows.map((row, i) => [row[0], i, row[2]] as const))('%s', async (_name, index, shares) => {
        await expectShares(pair()[which], `/${nameOf(index)}`, shares, TOLERANCE);
      });
    });

    test('the log names the aggregate', () => {
      const [envoy, ours] = [pair().reference, pair().ours].map((stand) =>
        stand.accessLog().filter((line) => /^\d/.test(line)),
      );
      expect(envoy!.map((line) => line.split(' ').at(-1))).toEqual(['counted', 'limited', 'broken', 'counted']);
      expect(ours).toEqual(envoy);
    });

    test('whose statistics they are', async () => {
      const [envoy, ours] = await figuresOfBoth(pair(), statistics);
      expect(envoy).not.toEqual([]);
      expect(ours).toEqual(envoy);
    });
  },
);

const COUNTED =
  /^cluster\.(limited|full|broken|gone|counted)\.(upstream_rq_(total|completed|active|pending_\w+|[2-5]xx|retry\w*)|upstream_cx_(total|connect_fail|none_healthy)|membership_\w+): /;

async function statistics(stand: Stand): Promise<readonly string[]> {
  const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats`)).text();
  return text
    .split('\n')
    .filter((line) => COUNTED.test(line) && !line.endsWith(': 0'))
    .sort();
}
