import { expect, test } from 'vitest';
import { Histogram } from '../../lib/histogram.ts';
import { viewOf } from '../admin/cluster-status.ts';
import { endpoint } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import {
  connectionsOf,
  legacyOf,
  sumExpositions,
  sumHistograms,
  sumHosts,
  sumMemory,
  sumNumbers,
} from './collected.ts';
import type { Figures } from './messages.ts';

test.each<[string, number, number, number]>([
  ['cluster.a.upstream_rq_total', 3, 4, 7],
  ['cluster.a.upstream_rq_active', 3, 4, 7],
  ['cluster.a.membership_healthy', 3, 4, 4],
  ['cluster.a.membership_change', 1, 1, 1],
  ['cluster.a.circuit_breakers.default.rq_open', 0, 1, 1],
  ['cluster.a.circuit_breakers.default.remaining_rq', 10, 4, 10],
  ['cluster.a.outlier_detection.ejections_active', 1, 1, 1],
  ['listener.0.0.0.0_80.downstream_cx_active', 2, 1, 3],
  ['overload.heap.pressure', 10, 90, 90],
  ['server.uncaught_faults', 1, 1, 2],
])('%s: %i and %i are %i', (name, a, b, sum) => {
  expect([...sumNumbers([[[name, a]], [[name, b]], [['other', 1]]])]).toEqual([
    [name, sum],
    ['other', 1],
  ]);
});

test('connections of a worker are told apart', () => {
  const numbers = [
    ['listener.[::]_80.downstream_cx_total', 5],
    ['listener.[::]_80.downstream_cx_destroy', 4],
    ['http.a.downstream_cx_total', 3],
  ] as const;
  expect(connectionsOf(1, numbers)).toEqual([['listener.[::]_80.worker_1.downstream_cx_total', 5]]);
});

test('histograms', () => {
  const [a, b] = [new Histogram(), new Histogram()];
  a.record(1);
  b.record(3);
  const [[name, sum] = []] = sumHistograms([[['t', a.state()]], [['t', b.state()]]]);
  expect([name, sum?.count, sum?.sum]).toEqual(['t', 2, 4]);
  expect(a.count).toBe(1);
});

test('endpoints', () => {
  const host = viewOf(hostOf(endpoint(80)));
  const seen = (rq_total: number) => ({
    stats: { ...host.stats, rq_total },
    successRates: { external: rq_total, local: -1 },
  });
  const one = { ...host, activeRequests: 2, health: 1, ...seen(3) };
  const two = { ...host, activeRequests: 3, health: 2, ...seen(4) };
  const other = { ...one, name: '10.0.0.2:80' };
  expect(sumHosts([[one], [two, other]])).toEqual([
    {
      ...host,
      activeRequests: 5,
      health: 3,
      stats: { ...host.stats, rq_total: 7 },
      successRates: { external: 4, local: -1 },
    },
    other,
  ]);
});

test('heaps add up, the process stays one', () => {
  const one = { heapUsed: 1, heapTotal: 2, external: 3, rss: 100 };
  expect(sumMemory(one, [one, one])).toEqual({ heapUsed: 3, heapTotal: 6, external: 9, rss: 100 });
});

const head = '# HELP r Requests.\n# TYPE r counter\n';
const next = '# HELP d Time.\n# TYPE d histogram\n';

test('expositions: the same series add up, new ones join their family', () => {
  const a = `${head}r{a="x y"} 1\nr{a="z"} 2\n${next}d_sum{} 0.5\n`;
  const b = `${head}r{a="x y"} 3\nr{a="w"} 4\n${next}d_sum{} 1\n`;
  expect(sumExpositions([a, b])).toBe(`${head}r{a="x y"} 4\nr{a="z"} 2\nr{a="w"} 4\n${next}d_sum{} 1.5\n`);
  expect(sumExpositions([a])).toBe(a);
});

test('what is left of the dead is what they counted', () => {
  const figures: Figures = {
    numbers: [
      ['cluster.a.upstream_rq_total', 3],
      ['cluster.a.upstream_rq_active', 1],
    ],
    histograms: [],
    clusters: [{ name: 'a', hosts: [] }],
    meshMetrics: head,
    memory: { heapUsed: 1, heapTotal: 1, external: 1, rss: 1 },
  };
  expect(legacyOf([figures, figures])).toEqual({
    numbers: [['cluster.a.upstream_rq_total', 6]],
    histograms: [],
    clusters: [],
    meshMetrics: head,
    memory: { heapUsed: 0, heapTotal: 0, external: 0, rss: 0 },
  });
});
