import { expect, test } from 'vitest';
import { Histogram } from '../../lib/histogram.ts';
import { ManualClock } from '../../lib/manual-clock.ts';
import type { Statistic } from '../admin/statistics.ts';
import { silentLog } from '../testing/harness.ts';
import { type Report, type Sink, StatsReporter } from './reporter.ts';
import { datagrams } from './statsd.ts';

function reporter(sinks: readonly Sink[]) {
  const clock = new ManualClock();
  const complaints: string[] = [];
  const state = { statistics: [] as Statistic[], collecting: null as Promise<void> | null };
  const recorded = new Histogram();
  recorded.record(3);
  const source = {
    collect: () => state.collecting,
    statistics: () => state.statistics,
    histograms: () => [['used', recorded] as const, ['unused', new Histogram()] as const],
  };
  const made = new StatsReporter(5_000, sinks, source, clock, silentLog(complaints));
  made.start();
  return { clock, complaints, state, made };
}

function remembering(): Sink & { readonly reports: Report[] } {
  const reports: Report[] = [];
  return { reports, send: (report) => void reports.push(report), close: () => undefined };
}

test('counters by what they grew, gauges as they are; what never had a value is left out', () => {
  const sink = remembering();
  const { clock, state } = reporter([sink]);
  state.statistics = [
    ['cluster.a.upstream_rq_total', 3],
    ['cluster.a.ssl.handshake', 0],
    ['cluster.a.upstream_cx_active', 2],
  ];
  clock.advance(5_000);
  state.statistics = [
    ['cluster.a.upstream_rq_total', 5],
    ['cluster.a.ssl.handshake', 1],
    ['cluster.a.upstream_cx_active', 0],
  ];
  clock.advance(5_000);
  // Counters were reset in between.
  state.statistics = [['cluster.a.upstream_rq_total', 1]];
  clock.advance(5_000);
  expect(
    sink.reports.map(({ counters, gauges }) => [counters.map(({ name, delta }) => `${name} ${delta}`), gauges]),
  ).toEqual([
    [['cluster.a.upstream_rq_total 3'], [['cluster.a.upstream_cx_active', 2]]],
    [['cluster.a.upstream_rq_total 2', 'cluster.a.ssl.handshake 1'], [['cluster.a.upstream_cx_active', 0]]],
    [['cluster.a.upstream_rq_total 1'], []],
  ]);
  expect(sink.reports[0]?.histograms.map(([name]) => name)).toEqual(['used']);
});

test('it waits for figures that have to be collected, and ends with its owner', async () => {
  const sink = remembering();
  const { clock, state, made } = reporter([sink]);
  state.collecting = Promise.resolve();
  clock.advance(5_000);
  expect(sink.reports).toHaveLength(0);
  await state.collecting;
  expect(sink.reports).toHaveLength(1);
  made.close();
  clock.advance(60_000);
  expect(sink.reports).toHaveLength(1);
});

test('a fault in a sink costs its report, not those of others', () => {
  const broken: Sink = {
    send() {
      throw new Error('a bug');
    },
    close: () => undefined,
  };
  const sink = remembering();
  const { clock, complaints } = reporter([broken, sink]);
  clock.advance(10_000);
  expect(sink.reports).toHaveLength(2);
  expect(complaints).toHaveLength(2);
});

test.each<[limit: number, wants: string[]]>([
  [0, ['aaa', 'bbbb', 'c']],
  [6, ['aaa', 'bbbb\nc']],
  [8, ['aaa\nbbbb', 'c']],
  [100, ['aaa\nbbbb\nc']],
  [2, ['aaa', 'bbbb', 'c']],
])('lines in datagrams of %d bytes', (limit, wants) => {
  expect([...datagrams(['aaa', 'bbbb', 'c'], limit)]).toEqual(wants);
});

test('what came of a histogram since the last report, where a sink asks', () => {
  const asking = { ...remembering(), needsIntervals: true };
  const { clock } = reporter([asking]);
  clock.advance(10_000);
  expect(asking.reports.map(({ intervals }) => intervals.map(([, { count }]) => count))).toEqual([[1], [0]]);
  const other = remembering();
  reporter([other]).clock.advance(5_000);
  expect(other.reports[0]?.intervals).toEqual([]);
});
