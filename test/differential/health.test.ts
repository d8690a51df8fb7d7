// What both proxies come to think of their endpoints, by active checks, by what the control plane says and by the answers to
// requests; and where requests go then.
import { beforeAll, describe, expect, test } from 'vitest';
import type { WireHeaders } from '../support/http-message.ts';
import { RawConnection } from '../support/raw-http.ts';
import { raw, respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, request } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const member = (port: string, more = ''): string =>
  `{ ${more} endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
const cluster = (name: string, fields: string, members: readonly string[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${fields}, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${members.join(', ')}] }] } }`;

const NO_PANIC = 'common_lb_config: { healthy_panic_threshold: { value: 0 } }';
const OFTEN = 'timeout: 1s, interval: 0.1s, no_traffic_interval: 0.1s';
const check = (probe: string, thresholds = 'unhealthy_threshold: 2, healthy_threshold: 2', times = OFTEN): string =>
  `${NO_PANIC}, health_checks: [{ ${times}, ${thresholds}, ${probe} }]`;
const http = (path: string, more = ''): string => check(`http_health_check: { path: ${path}, ${more} }`);

/** How the upstreams answer checks. */
const ANSWERS = {
  '/good': respond(),
  '/created': respond({ status: 201 }),
  '/bad': respond({ status: 503 }),
  '/degraded': respond({ headers: { 'x-envoy-degraded': '1' } }),
  '/service': respond({ headers: { 'x-envoy-upstream-healthchecked-cluster': 'shop' } }),
  '/body': respond({ body: 'all is well' }),
  '/silent': raw('', 'hang'),
  '/cut': raw('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab', 'close'),
  '/once': raw('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n', 'close'),
} as const;

/** Flags by endpoint once they have settled; '' is healthy. */
type Row = {
  readonly name: string;
  readonly fields: string;
  readonly members: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
};
const FAILED = '/failed_active_hc';
const active = (name: string, fields: string, a: string): Row => ({
  name,
  fields,
  members: [member('a'), member('dead')],
  flags: { a, dead: FAILED },
});
const rows: readonly Row[] = [
  active('good', http('/good'), ''),
  active('bad', http('/bad'), FAILED),
  active('another-status', http('/created'), FAILED),
  active('a-status-that-is-expected', http('/created', 'expected_statuses: [{ start: 201, end: 202 }]'), ''),
  active('degraded-answers', http('/degraded'), '/degraded_active_hc'),
  active('the-service-asked-for', http('/service', 'service_name_matcher: { prefix: sh }'), ''),
  active('another-service', http('/service', 'service_name_matcher: { exact: cart }'), FAILED),
  active('a-body', http('/body', `receive: [{ text: "${Buffer.from('all').toString('hex')}" }]`), ''),
  active('another-body', http('/body', `receive: [{ text: "${Buffer.from('ill').toString('hex')}" }]`), FAILED),
  active('silence', http('/silent'), `${FAILED}/active_hc_timeout`),
  active('cut-short', http('/cut'), FAILED),
  active('closed-each-time', http('/once'), ''),
  active('of-connections', check('tcp_health_check: {}'), ''),
  active(
    'of-bytes',
    check(
      `tcp_health_check: { send: { text: "${Buffer.from('GET /good HTTP/1.1\r\n\r\n').toString('hex')}" }, receive: [{ text: "${Buffer.from('200').toString('hex')}" }] }`,
    ),
    '',
  ),
  active(
    'of-other-bytes',
    check(
      `tcp_health_check: { send: { text: "${Buffer.from('GET /good HTTP/1.1\r\n\r\n').toString('hex')}" }, receive: [{ text: "${Buffer.from('500').toString('hex')}" }] }`,
    ),
    `${FAILED}/active_hc_timeout`,
  ),
  {
    name: 'unchecked',
    fields: http('/good'),
    members: [
      `{ endpoint: { health_check_config: { disable_active_health_check: true }, address: { socket_address: { address: 127.0.0.1, port_value: <dead> } } } }`,
      member('a'),
    ],
    flags: { dead: '', a: '' },
  },
  {
    name: 'said',
    fields: NO_PANIC,
    members: [
      member('a', 'health_status: UNHEALTHY,'),
      member('b', 'health_status: DEGRADED,'),
      member('c', 'health_status: DRAINING,'),
      member('dead', 'health_status: TIMEOUT,'),
    ],
    flags: {
      a: '/failed_eds_health',
      b: '/degraded_eds_health',
      c: '/eds_status_draining',
      dead: '/failed_eds_health',
    },
  },
];

const outlier = (fields: string): string =>
  `outlier_detection: { interval: 0.2s, base_ejection_time: 60s, max_ejection_percent: 100, ${fields} }`;
/** Statuses that `a` answers with, once; requests until then go to the other two as well. */
const passive: readonly (readonly [name: string, fields: string, statuses: readonly number[], ejected: boolean])[] = [
  ['five-errors', outlier(''), [500, 500, 500, 500, 500], true],
  ['four-errors', outlier(''), [500, 500, 500, 500], false],
  ['errors-apart', outlier('consecutive_5xx: 2'), [500, 200, 500, 200], false],
  ['gateway', outlier('consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100'), [502, 503], true],
  [
    'not-gateway',
    outlier('consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100'),
    [500, 503],
    false,
  ],
  ['not-enforced', outlier('consecutive_5xx: 2, enforcing_consecutive_5xx: 0'), [500, 500], false],
  ['too-many', `outlier_detection: { interval: 0.2s, consecutive_5xx: 1 }`, [500], false],
  ['always-one', `outlier_detection: { interval: 0.2s, consecutive_5xx: 1, always_eject_one_host: true }`, [500], true],
];
/** What is judged by interval: the answers are given again until enough of them have come in one. */
const byInterval: readonly (readonly [name: string, fields: string, statuses: readonly number[]])[] = [
  [
    'failure-percentage',
    outlier(
      'consecutive_5xx: 1000, enforcing_success_rate: 0, failure_percentage_minimum_hosts: 1, failure_percentage_request_volume: 3, failure_percentage_threshold: 60, enforcing_failure_percentage: 100',
    ),
    [500, 200, 500],
  ],
  [
    'success-rate',
    outlier(
      'consecutive_5xx: 1000, success_rate_minimum_hosts: 1, success_rate_request_volume: 3, success_rate_stdev_factor: 500',
    ),
    [500, 500, 500],
  ],
];

const passiveCluster = (name: string, fields: string): string =>
  cluster(name, `lb_policy: ROUND_ROBIN, ${fields}`, [member('a'), member('b'), member('c')]);
const judged = [...passive, ...byInterval];
const names = [...rows.map(({ name }) => name), ...judged.map(([name]) => name), 'immediate', 'refusing', 'grpc'];

compareWithEnvoy(
  {
    name: 'health',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${names.map((name) => `{ match: { prefix: /${name} }, route: { cluster: ${name} } }`).join(', ')}] }]`,
    clusters: `[${[
      ...rows.map(({ name, fields, members }) => cluster(name, fields, members)),
      ...judged.map(([name, fields]) => passiveCluster(name, fields)),
      cluster(
        'immediate',
        check('http_health_check: { path: /good }', undefined, 'timeout: 1s, interval: 60s, no_traffic_interval: 60s'),
        [member('a')],
      ),
      passiveCluster('grpc', outlier('consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100')),
      passiveCluster(
        'limited',
        'circuit_breakers: { thresholds: [{ max_connections: 7, max_pending_requests: 6, max_requests: 5, max_retries: 4, track_remaining: true }] }',
      ),
      cluster('refusing', outlier('split_external_local_origin_errors: true, consecutive_local_origin_failure: 2'), [
        member('dead'),
        member('a'),
      ]),
    ].join(', ')}]`,
    cases: [],
  },
  (pair) => {
    beforeAll(() => {
      for (const stand of [pair().reference, pair().ours]) {
        for (const upstream of stand.upstreams) {
          for (const [target, reply] of Object.entries(ANSWERS)) upstream.fixed.set(target, reply);
        }
      }
    });

    const both = (run: (stand: Stand) => Promise<void>) => async () => {
      await run(pair().reference);
      await run(pair().ours);
    };

    test.each(rows)('checks: $name', async ({ name, flags }) => {
      await both((stand) => settled(stand, name, flags))();
    });

    test('a check is the same request', async () => {
      const [envoy, ours] = await Promise.all(
        [pair().reference, pair().ours].map((stand) =>
          waitFor(`a check of ${stand.subject}`, () =>
            stand.upstreams[0]!.asked.find(({ headers }) => headers.some(([, value]) => value === 'good')),
          ),
        ),
      );
      const shown = (headers: WireHeaders) => headers.map(([n, value]) => `${n.toLowerCase()}: ${value}`).sort();
      expect([ours!.startLine, shown(ours!.headers)]).toEqual([envoy!.startLine, shown(envoy!.headers)]);
    });

    test.each(passive)('answers: %s', async (name, _fields, statuses, ejected) => {
      const counters = await Promise.all(
        [pair().reference, pair().ours].map(async (stand) => {
          await answerWith(stand, `/${name}`, statuses);
          await settled(stand, name, { a: ejected ? '/failed_outlier_check' : '', b: '', c: '' });
          return outlierCounters(stand, name);
        }),
      );
      expect(counters[1]).toEqual(counters[0]);
    });

    test.each(byInterval)('answers, by interval: %s', async (name, _fields, statuses) => {
      const counters = await Promise.all(
        [pair().reference, pair().ours].map(async (stand) => {
          await waitFor(`the judgement of ${stand.subject}`, async () => {
            await answerWith(stand, `/${name}`, statuses);
            return (await healthFlags(stand, name)).a !== '';
          });
          await settled(stand, name, { a: '/failed_outlier_check', b: '', c: '' });
          return outlierCounters(stand, name);
        }),
      );
      expect(counters[1]).toEqual(counters[0]);
    });

    test(
      'answers of gRPC that are errors from their head on',
      both(async (stand) => {
        for (const upstream of stand.upstreams) upstream.script();
        const headers = { 'content-type': 'application/grpc', 'grpc-status': '14' };
        stand.upstreams[0]!.script([respond({ headers })]);
        using connection = await RawConnection.open(stand.portOf('front'));
        for (let i = 0; i < 6; i += 1) {
          connection.send(request('POST', '/grpc', { headers: ['content-type: application/grpc'], body: '' }));
          await connection.response();
        }
        await settled(stand, 'grpc', { a: '/failed_outlier_check', b: '', c: '' });
      }),
    );

    test('circuit breakers show the same gauges', async () => {
      const [envoy, ours] = await figuresOfBoth(pair(), breakers);
      expect(envoy).not.toEqual([]);
      expect(ours).toEqual(envoy);
    });

    test(
      'connections that are refused',
      both(async (stand) => {
        for (const upstream of stand.upstreams) upstream.script();
        using connection = await RawConnection.open(stand.portOf('front'));
        for (let i = 0; i < 8; i += 1) {
          connection.send(get('/refusing'));
          await connection.response();
        }
        await settled(stand, 'refusing', { dead: '/failed_outlier_check', a: '' });
      }),
    );

    test(
      'an answer that says to stay away',
      both(async (stand) => {
        await settled(stand, 'immediate', { a: '' });
        const leaving = respond({ headers: { 'x-envoy-immediate-health-check-fail': 'true' } });
        stand.upstreams[0]!.script([leaving]);
        using connection = await RawConnection.open(stand.portOf('front'));
        connection.send(get('/immediate'));
        expect((await connection.response()).status).toBe(200);
        await settled(stand, 'immediate', { a: '/failed_active_hc/excluded_via_immediate_hc_fail' });
        connection.send(get('/immediate'));
        expect((await connection.response()).status).toBe(503);
      }),
    );

    describe.each(['reference', 'ours'] as const)('requests: %s', (which: keyof Pair) => {
      test.each([
        ['good', [200]],
        ['bad', [503]],
        ['degraded-answers', [200]],
        ['said', [200]],
      ])('%s', async (name, statuses) => {
        const stand = pair()[which];
        for (const upstream of stand.upstreams) upstream.script();
        using connection = await RawConnection.open(stand.portOf('front'));
        const found = new Set<number>();
        for (let i = 0; i < 10; i += 1) {
          connection.send(get(`/${name}`));
          found.add((await connection.response()).status);
        }
        expect([...found]).toEqual(statuses);
      });
    });
  },
);

/** Sends requests until `a` has given each of the answers once. */
async function answerWith(stand: Stand, path: string, statuses: readonly number[]): Promise<void> {
  for (const upstream of stand.upstreams) upstream.script();
  const [a] = stand.upstreams;
  a!.script(statuses.map((status) => respond({ status })));
  using connection = await RawConnection.open(stand.portOf('front'));
  // In turn: every third request is for `a`.
  for (let i = 0; i < statuses.length * 3; i += 1) {
    connection.send(get(path));
    await connection.response();
  }
}

async function settled(stand: Stand, name: string, flags: Readonly<Record<string, string>>): Promise<void> {
  let last: Readonly<Record<string, string>> = {};
  const isSettled = async (): Promise<boolean> => {
    last = await healthFlags(stand, name);
    return JSON.stringify(last) === JSON.stringify(flags);
  };
  await waitFor(`health of ${name} at ${stand.subject}`, isSettled, { deadline: 10_000 }).catch(() => {
    expect(last, stand.subject).toEqual(flags);
  });
}

async function healthFlags(stand: Stand, name: string): Promise<Readonly<Record<string, string>>> {
  const text = stand.withoutPorts(await admin(stand, '/clusters'));
  const lines = [...text.matchAll(new RegExp(`^${name}::127\\.0\\.0\\.1:<(\\w+)>::health_flags::(.*)$`, 'gm'))];
  return Object.fromEntries(lines.map(([, port, flags]) => [port!, flags === 'healthy' ? '' : flags!]));
}

/** Those that are not 0, without what only Envoy still counts under its old names. */
async function outlierCounters(stand: Stand, name: string): Promise<readonly string[]> {
  const text = await admin(stand, '/stats');
  const old = /ejections_(total|consecutive_5xx|success_rate)$/;
  return text
    .split('\n')
    .filter((line) => line.startsWith(`cluster.${name}.outlier_detection.`) && !line.endsWith(': 0'))
    .filter((line) => !old.test(line.slice(0, line.indexOf(':'))))
    .sort();
}

/** All but those of Envoy's pools, of which there is one per endpoint here. */
async function breakers(stand: Stand): Promise<readonly string[]> {
  const lines = (await admin(stand, '/stats')).split('\n');
  const wanted = /^cluster\.(limited|good)\.circuit_breakers\.default\.(?!remaining_cx_pools)/;
  return lines.filter((line) => wanted.test(line)).sort();
}

async function admin(stand: Stand, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${stand.portOf('admin')}${path}`)).text();
}
