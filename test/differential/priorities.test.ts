// Two kinds of priority: that of a route (which limits and connections its requests have), and those of endpoints that retries keep away from.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { raw, respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const group = (priority: number, port: string): string =>
  `{ priority: ${priority}, lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }] }`;
const cluster = (name: string, fields: string, ...ports: readonly string[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${fields} load_assignment: { cluster_name: ${name}, endpoints: [${ports.map((port, i) => group(i, port)).join(', ')}] } }`;
const limited = (name: string, thresholds: string): string =>
  cluster(name, `circuit_breakers: { ${thresholds} },`, 'a');

const previous = (frequency: number, retries: number): string =>
  `timeout: 0s, retry_policy: { retry_on: 5xx, num_retries: ${retries}, retry_priority: { name: envoy.retry_priorities.previous_priorities, typed_config: { "@type": type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: ${frequency} } } }`;
const HIGH = 'priority: HIGH';
const routes: Readonly<Record<string, string>> = {
  '/low': 'cluster: no-low',
  '/high': `cluster: no-low, ${HIGH}`,
  '/other-low': 'cluster: no-high',
  '/other-high': `cluster: no-high, ${HIGH}`,
  '/retry-low': 'cluster: no-retry, retry_policy: { retry_on: 5xx }',
  '/retry-high': `cluster: no-retry, ${HIGH}, retry_policy: { retry_on: 5xx }`,
  '/pools-low': 'cluster: pools',
  '/pools-high': `cluster: pools, ${HIGH}`,
  '/per-host': 'cluster: per-host',
  '/one-request': 'cluster: one-request',
  '/each': `cluster: three, ${previous(1, 2)}`,
  '/every-other': `cluster: three, ${previous(2, 3)}`,
  '/again': `cluster: two, ${previous(1, 3)}`,
  '/ring': `cluster: ring, ${previous(1, 1)}`,
  '/whole': `cluster: whole, ${previous(1, 1)}`,
};
const bad = respond({ status: 503 });

compareWithEnvoy(
  {
    name: 'priorities',
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${Object.entries(routes)
      .map(([path, action]) => `{ match: { path: ${path} }, route: { ${action} } }`)
      .join(', ')}] }]`,
    clusters: `[${[
      limited('no-low', 'thresholds: [{ max_pending_requests: 0 }]'),
      limited('no-high', 'thresholds: [{ priority: HIGH, max_pending_requests: 0, track_remaining: true }]'),
      limited('no-retry', 'thresholds: [{ priority: HIGH, max_retries: 0 }]'),
      limited('pools', 'thresholds: [{ max_connections: 1 }, { priority: HIGH, max_connections: 1 }]'),
      limited('per-host', 'thresholds: [{ max_pending_requests: 1 }], per_host_thresholds: [{ max_connections: 1 }]'),
      limited('one-request', 'thresholds: [{ max_requests: 1 }]'),
      cluster('three', '', 'a', 'b', 'c'),
      cluster('two', '', 'a', 'b'),
      cluster('ring', 'lb_policy: RING_HASH,', 'a', 'b'),
      cluster('one', '', 'a'),
      cluster('another', '', 'b'),
      '{ name: whole, connect_timeout: 1s, lb_policy: CLUSTER_PROVIDED, cluster_type: { name: envoy.clusters.aggregate, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [one, another] } } }',
    ].join(', ')}]`,
    cases: [
      { name: 'over the limit', send: get('/low'), wants: { status: 503, reached: [], flags: 'UO' } },
      { name: 'high has limits of its own', send: get('/high'), wants: { status: 200, reached: ['a'] } },
      { name: 'high over its limit', send: get('/other-high'), wants: { status: 503, reached: [], flags: 'UO' } },
      { name: 'which are not those of the others', send: get('/other-low'), wants: { status: 200, reached: ['a'] } },
      {
        name: 'retries by default',
        send: get('/retry-low'),
        script: { a: [bad, respond()] },
        wants: { status: 200, reached: ['a', 'a'] },
      },
      {
        name: 'no retries for high',
        send: get('/retry-high'),
        script: { a: [bad, respond()] },
        wants: { status: 503, reached: ['a'], flags: 'UO' },
      },
      {
        name: 'connections',
        send: [get('/pools-low'), get('/pools-high'), get('/pools-low')],
        wants: { status: [200, 200, 200] },
      },
      {
        name: 'another priority each time',
        send: get('/each'),
        script: { a: [bad], b: [bad] },
        wants: { status: 200, reached: ['a', 'b', 'c'] },
      },
      {
        name: 'another priority every other time',
        send: get('/every-other'),
        script: { a: [bad, bad], b: [bad, respond()] },
        wants: { status: 200, reached: ['a', 'a', 'b', 'b'] },
      },
      {
        name: 'from the start when none is left',
        send: get('/again'),
        script: { a: [bad, bad], b: [bad, respond()] },
        wants: { status: 200, reached: ['a', 'a', 'b', 'b'] },
      },
      {
        name: 'not by hash',
        send: get('/ring'),
        script: { a: [bad, respond()] },
        wants: { status: 200, reached: ['a', 'a'] },
      },
      {
        name: 'over members of an aggregate',
        send: get('/whole'),
        script: { a: [bad] },
        wants: { status: 200, reached: ['a', 'b'] },
      },
    ],
  },
  (pair) => {
    const both = <Result>(look: (stand: Stand) => Promise<Result>) =>
      Promise.all([look(pair().reference), look(pair().ours)]);

    test('connections of one endpoint are limited', async () => {
      const [envoy, ours] = await both(async (stand) => {
        for (const upstream of stand.upstreams) upstream.script();
        stand.upstreams[0]!.script([raw('', 'hang')]);
        using first = await RawConnection.open(stand.portOf('front'));
        using second = await RawConnection.open(stand.portOf('front'));
        using third = await RawConnection.open(stand.portOf('front'));
        first.send(get('/per-host'));
        await waitFor('the first', () => stand.upstreams[0]!.received.length === 1);
        second.send(get('/per-host'));
        await waitFor('the second', async () => (await counters(stand, /per-host.upstream_cx_overflow/)).length === 1);
        third.send(get('/per-host'));
        const { status } = await third.response();
        return {
          status,
          counters: await counters(
            stand,
            /per-host\.upstream_(cx_(total|overflow)|rq_pending_(total|active|overflow))/,
          ),
        };
      });
      expect(envoy!.status).toBe(503);
      expect(ours).toEqual(envoy);
    });

    test('requests that wait for a connection are none in progress', async () => {
      const [envoy, ours] = await both(async (stand) => {
        for (const upstream of stand.upstreams) upstream.script();
        stand.upstreams[0]!.script([raw('', 'hang')]);
        using first = await RawConnection.open(stand.portOf('front'));
        using second = await RawConnection.open(stand.portOf('front'));
        first.send(get('/one-request'));
        await waitFor('the first', () => stand.upstreams[0]!.received.length === 1);
        second.send(get('/one-request'));
        const { status } = await second.response();
        return {
          status,
          counters: await counters(
            stand,
            /one-request\.(upstream_(cx_total|rq_(total|active|active_overflow|pending_\w+)|rq_5xx)|circuit_breakers\.default\.rq)/,
          ),
        };
      });
      expect(envoy!.status).toBe(503);
      expect(ours).toEqual(envoy);
    });

    // A limit of 0 is open from the start; Envoy looks when it is asked for room first.
    test('limits and what is left of them are shown by priority', async () => {
      const [envoy, ours] = await both((stand) =>
        counters(
          stand,
          /\.(no-low|no-high|pools)\.(circuit_breakers\.(default|high)\.(?!remaining_cx_pools|rq_pending_open)|upstream_cx_total)/,
        ),
      );
      expect(envoy.length).toBeGreaterThan(5);
      expect(ours).toEqual(envoy);
      const [named, shown] = await both(async (stand) =>
        (await admin(stand, '/clusters')).split('\n').filter((line) => /^(no-high|pools)::.*_priority::/.test(line)),
      );
      expect(named.length).toBeGreaterThan(5);
      expect(shown).toEqual(named);
    });
  },
);

async function counters(stand: Stand, wanted: RegExp): Promise<readonly string[]> {
  const lines = (await admin(stand, '/stats')).split('\n');
  return lines.filter((line) => wanted.test(line) && !line.endsWith(': 0')).sort();
}

async function admin(stand: Stand, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${stand.portOf('admin')}${path}`)).text();
}
