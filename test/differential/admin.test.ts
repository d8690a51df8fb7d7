// The admin interface: what each endpoint answers to each of its parameters, and to wrong ones.
import { expect, test } from 'vitest';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';

const suite: Suite = {
  name: 'admin',
  bootstrap: 'stats_flush_interval: 0.1s',
  listeners: { front: { manager: 'stat_prefix: ingress' } },
  virtualHosts: "[{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: a}}]}]",
  cases: [],
};

/** What is compared of the answer: all of it unless said otherwise. */
const same = (body: string): string => body;
const firstLine = (body: string): string => body.split('\n', 1)[0]!;
/** What is wrong with a pattern is said in the words of the library. */
const untilColon = (body: string): string =>
  body.replace(/: (?:error|missing).*/s, '').replace('INVALID_ARGUMENT: ', '');
const json = (body: string): unknown => JSON.parse(body);
/** Buckets of what was recorded, not of how long it took. */
const form = (body: string): string => body.replace(/(?<=\()\d+,\d+(?=\))|(?<=[PB][\d.e+]+\()[^)]*/g, 'n');

type Row = readonly [method: 'GET' | 'POST', path: string, compare?: (body: string) => unknown];

const CASES: readonly Row[] = [
  ['GET', '/ready'],
  ['POST', '/ready'],
  ['GET', '/nothing', firstLine],
  ['GET', '/help', firstLine],
  ['GET', '/contention'],
  ['GET', '/hot_restart_version'],
  ['GET', '/certs', json],
  ['GET', '/init_dump', json],
  ['GET', '/init_dump?mask=listener', json],
  ['GET', '/listeners'],
  ['GET', '/listeners?format=json', json],
  ...[
    '/healthcheck/fail',
    '/healthcheck/ok',
    '/quitquitquit',
    '/logging',
    '/reset_counters',
    '/reopen_logs',
    '/drain_listeners',
    '/runtime_modify',
  ].map((path) => ['GET', path] as const),
  ...['', '?level=warning', '?level=nothing', '?nobody=info', '?level=info&admin=info', '?paths=nobody:info'].map(
    (query) => ['POST', `/logging${query}`, firstLine] as const,
  ),
  ['POST', '/reopen_logs'],
  ['POST', '/runtime_modify', firstLine],
  ['POST', '/healthcheck/fail'],
  ['GET', '/ready'],
  ['POST', '/healthcheck/ok'],
  ['GET', '/ready'],
  ['GET', '/stats?format=nothing', (body) => body.replace('html|active-html|', '')],
  ['GET', '/stats?type=nothing'],
  ['GET', '/stats?hidden=nothing'],
  ['GET', '/stats?hidden=include&filter=^server.live$'],
  ['GET', '/stats?filter=(', untilColon],
  ['GET', '/stats?filter=^server.live$&format=json', json],
  ['GET', '/stats?filter=^server.live$&type=Counters'],
  ['GET', '/stats?filter=^server.live$&type=Gauges'],
  ['GET', '/stats?histogram_buckets=nothing', (body) => body.replace('|prometheusnative', '')],
  ...['summary', 'cumulative', 'disjoint'].map(
    (buckets) => ['GET', `/stats?histogram_buckets=${buckets}&filter=ingress.downstream_rq_time$`, form] as const,
  ),
  ['GET', '/stats?histogram_buckets=cumulative&format=json&filter=cluster.b.upstream_cx_connect_ms', json],
  ['GET', '/config_dump?resource=nothing'],
  ['GET', '/config_dump?resource=bootstrap'],
  ['GET', '/config_dump?name_regex=(', untilColon],
  ['GET', '/config_dump?mask=bootstrap.node.id', json],
  [
    'GET',
    '/config_dump?resource=static_clusters&mask=nothing',
    (body) => body.includes('could not be successfully used'),
  ],
  ['GET', '/config_dump?resource=static_clusters&mask=cluster.name', json],
  ['GET', '/config_dump?resource=static_clusters&mask=cluster.dns_lookup_family', json],
  ['GET', '/config_dump?resource=static_listeners&mask=listener.name,listener.address', json],
  ['GET', '/config_dump?resource=static_clusters&name_regex=a&mask=cluster.name', json],
  ['GET', '/clusters?filter=(', untilColon],
];

compareWithEnvoy(suite, (pair) => {
  test('a request', async () => {
    const one = { name: '', send: get('/'), wants: { status: 200 } };
    await Promise.all([pair().reference, pair().ours].map((stand) => observe(stand, one, 'first')));
  });

  test.each(CASES.map(([method, path, compare = same]) => ({ method, path, compare })))(
    '$method $path',
    async ({ method, path, compare }) => {
      const [theirs, mine] = await Promise.all(
        [pair().reference, pair().ours].map((stand) => ask(stand, method, path)),
      );
      expect({ ...mine, body: compare(mine!.body) }).toEqual({ ...theirs, body: compare(theirs!.body) });
    },
  );
});

async function ask(stand: Pair['ours'], method: string, path: string) {
  const response = await fetch(`http://127.0.0.1:${stand.portOf('admin')}${path}`, { method });
  // Where its own errors come from, Envoy names no character set.
  const type = response.headers.get('content-type')?.split(';')[0];
  const body = stand.withoutPorts(await response.text());
  return {
    status: response.status,
    type,
    body: body.replace(/("port_value": )\d+/g, (all, key) =>
      all === `${key}${stand.portOf('front')}` ? `${key}0` : all,
    ),
  };
}
