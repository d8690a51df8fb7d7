// What both proxies log about the health of endpoints (`event_log_path`, `event_logger`), line by line.
import { describe, expect, test } from 'vitest';
import { type Reply, raw, respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { wholeLines } from '../support/whole-lines.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const file = (name: string): string =>
  `event_logger: [{ name: f, typed_config: { "@type": type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink, event_log_path: <folder>/${name}.log } }]`;
const path = (name: string): string => `event_log_path: <folder>/${name}.log`;
const http = (name: string): string =>
  `http_health_check: { path: /${name}, retriable_statuses: [{ start: 429, end: 430 }] }`;

/** An endpoint's answers, each until the event that it is to bring. */
type Step = readonly [answer: Reply, event: string];
type Row = {
  readonly name: string;
  readonly port?: string;
  readonly fields: string;
  readonly steps: readonly Step[] /** Of one check: long, where none is to be late on a busy machine. */;
  readonly timeout?: string;
};

const well = respond();
const ill = respond({ status: 503 });
const both = 'always_log_health_check_failures: true, always_log_health_check_success: true';

const rows: readonly Row[] = [
  {
    name: 'well-and-ill',
    fields: `${path('well-and-ill')}, ${http('well-and-ill')}`,
    steps: [
      [well, 'add_healthy_event'],
      [ill, 'eject_unhealthy_event'],
      [well, 'add_healthy_event'],
    ],
  },
  {
    name: 'ill-first',
    port: 'dead',
    fields: `${file('ill-first')}, ${http('ill-first')}`,
    steps: [[ill, 'health_check_failure_event']],
  },
  {
    name: 'everything',
    fields: `${path('everything')}, ${both}, ${http('everything')}`,
    steps: [
      [well, 'successful_health_check_event'],
      [respond({ status: 429 }), 'eject_unhealthy_event'],
      [ill, 'health_check_failure_event'],
      [well, 'add_healthy_event'],
    ],
  },
  {
    name: 'degraded',
    fields: `${path('degraded')}, ${http('degraded')}`,
    steps: [
      [respond({ headers: { 'x-envoy-degraded': '1' } }), 'degraded_healthy_host'],
      [well, 'no_longer_degraded_host'],
    ],
  },
  {
    name: 'silence',
    timeout: '0.5s',
    fields: `${path('silence')}, ${http('silence')}`,
    steps: [
      [well, 'add_healthy_event'],
      [raw('', 'hang'), 'eject_unhealthy_event'],
    ],
  },
  {
    name: 'cut',
    fields: `${path('cut')}, ${http('cut')}`,
    steps: [
      [well, 'add_healthy_event'],
      [raw('', 'close'), 'eject_unhealthy_event'],
    ],
  },
  { name: 'tcp', fields: `${path('tcp')}, tcp_health_check: {}`, steps: [[well, 'add_healthy_event']] },
];

const cluster = ({ name, fields, port = 'a', timeout = '5s' }: Row): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, health_checks: [{ timeout: ${timeout}, interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 2, healthy_threshold: 2, ${fields} }], load_assignment: { cluster_name: ${name}, endpoints: [{ locality: { region: r, zone: z }, lb_endpoints: [{ metadata: { filter_metadata: { envoy.lb: { version: 2 } } }, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }] }] } }`;

compareWithEnvoy(
  {
    name: 'health events',
    virtualHosts: '[{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: a } }] }]',
    clusters: `[${rows.map(cluster).join(', ')}]`,
    cases: [],
  },
  (pair) => {
    describe.each(rows)('$name', (row) => {
      test('is told alike', async () => {
        const [envoy, ours] = await Promise.all([told(pair().reference, row), told(pair().ours, row)]);
        expect(ours).toEqual(envoy);
      });
    });
  },
);

/** What an endpoint goes through, as told; what is told again and again once. */
async function told(stand: Pair['ours'], { name, steps }: Row): Promise<readonly unknown[]> {
  const upstream = stand.upstreams.find((one) => one.name === 'a')!;
  let from = 0;
  for (const [answer, event] of steps) {
    upstream.fixed.set(`/${name}`, answer);
    from = await waitFor(`${event} of ${name} (${stand.subject})`, () => {
      const at = events(stand, name).findIndex((one, i) => i >= from && event in one);
      return at >= 0 && at + 1;
    });
  }
  return events(stand, name)
    .slice(0, from)
    .map(({ timestamp, ...rest }) => JSON.stringify(sorted({ ...rest, timed: /^\d{4}-.*Z$/.test(String(timestamp)) })))
    .filter((line, i, all) => line !== all[i - 1])
    .map((line): unknown => JSON.parse(line));
}

function events(stand: Stand, name: string): Record<string, unknown>[] {
  return wholeLines(`${stand.folder}/${name}.log`).map(
    (line) => JSON.parse(line.replaceAll(/"port_value":\d+/g, '"port_value":1')) as Record<string, unknown>,
  );
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => a.localeCompare(b)));
}
