// What metrics cost: counting and recording per event, Istio's metrics per exchange, and the page a scraper gets, beside prom-client doing the same.
import { Counter, Histogram as PeerHistogram, Registry } from 'prom-client';
import { Histogram } from '../../src/lib/histogram.ts';
import { BOUNDS, prometheusText } from '../../src/proxy/admin/prometheus.ts';
import { nameTagger } from '../../src/proxy/admin/statistic-tags.ts';
import { readQuery, selectStatistics } from '../../src/proxy/admin/statistics.ts';
import { ALL_DEFAULTS } from '../../src/proxy/bootstrap/stats-tags.ts';
import { ClusterStats } from '../../src/proxy/cluster/stats.ts';
import { HeaderMap } from '../../src/proxy/http/headers.ts';
import { histogramsOf, numbersOf } from '../../src/proxy/http/statistics.ts';
import type { AccessLog } from '../../src/proxy/log/access-log.ts';
import { IstioMetrics } from '../../src/proxy/log/istio-metrics.ts';
import { ownEnd } from '../../src/proxy/log/workload-end.ts';
import { chain, http, listener, routeTable } from '../../src/proxy/testing/configs.ts';
import { testExchange } from '../../src/proxy/testing/exchange.ts';
import { httpOf } from '../../src/proxy/testing/resources.ts';

export type MetricCost = {
  readonly work: string;
  /** Of an event, or of a sample of the page. */
  readonly nanoseconds: number;
  readonly peerNanoseconds: number;
};

type Work = () => unknown;

const BATCH = 20_000;
const CLUSTERS = 200;
const VALUES = Array.from({ length: 1_024 }, (_, i) => (i * 7_919) % 4_000);

/** Each figure is the best of `rounds` times twenty. */
export async function measureMetrics(rounds: number, say: (line: string) => void): Promise<readonly MetricCost[]> {
  const found: MetricCost[] = [];
  for (const [work, ours, theirs] of [counting(), recording(), exchanges(1), exchanges(50)]) {
    say(work);
    found.push({ work, nanoseconds: bestOf(ours, rounds), peerNanoseconds: bestOf(theirs, rounds) });
  }
  say('page');
  found.push(await page(rounds));
  return found;
}

export function formatMetrics(rows: readonly MetricCost[]): string {
  const lines = rows.map(({ work, nanoseconds, peerNanoseconds }) => [
    work.padEnd(34),
    nanoseconds.toFixed(1).padStart(9),
    peerNanoseconds.toFixed(1).padStart(14),
    (nanoseconds / peerNanoseconds).toFixed(2).padStart(7),
  ]);
  const head = ['work'.padEnd(34), 'tulle ns'.padStart(9), 'prom-client ns', 'ratio'.padStart(7)];
  return [head, ...lines].map((cells) => cells.join('  ')).join('\n');
}

type Pair = readonly [work: string, ours: (i: number) => void, theirs: (i: number) => void];

function counting(): Pair {
  const stats = new ClusterStats();
  const counter = new Counter({ name: 'c', help: 'c', labelNames: ['cluster'], registers: [] }).labels('a');
  return [
    'a counter',
    () => {
      stats.upstream_rq_total += 1;
    },
    () => counter.inc(),
  ];
}

function recording(): Pair {
  const ours = new Histogram();
  const peer = new PeerHistogram({ name: 'h', help: 'h', labelNames: ['cluster'], buckets: BOUNDS, registers: [] });
  const child = peer.labels('a');
  return ['a value into a histogram', (i) => ours.record(VALUES[i & 1023]!), (i) => child.observe(VALUES[i & 1023]!)];
}

/** One request's counter and three histograms under 25 labels, of so many endpoints in turn. */
function exchanges(endpoints: number): Pair {
  const log = istioLog();
  const workloads = Array.from({ length: endpoints }, (_, i) => ({
    workload: `web-${i}`,
    namespace: 'shop',
    app: 'web',
    version: 'v1',
  }));
  const all = workloads.map((workload) => {
    const exchange = testExchange();
    exchange.cluster = 'outbound|80||web.shop';
    exchange.response = { status: 200, headers: new HeaderMap() };
    exchange.endpoint = { metadata: { 'tulle.workload': workload } } as unknown as typeof exchange.endpoint;
    return exchange;
  });
  const labelNames = ['reporter', 'source', 'destination', 'version', 'code', 'flags'];
  const options = { help: 'x', labelNames, registers: [] };
  const requests = new Counter({ name: 'requests', ...options });
  const histograms = ['duration', 'request', 'response'].map(
    (name) => new PeerHistogram({ name, buckets: BOUNDS, ...options }),
  );
  return [
    `Istio's metrics, ${endpoints} endpoint${endpoints === 1 ? '' : 's'}`,
    (i) => log.write(all[i % endpoints]!, 1_000 + (VALUES[i & 1023] ?? 0)),
    (i) => {
      const { workload, version } = workloads[i % endpoints]!;
      const labels = { reporter: 'source', source: 'front', destination: workload, version, code: '200', flags: '-' };
      requests.inc(labels);
      for (const histogram of histograms) histogram.observe(labels, VALUES[i & 1023]!);
    },
  ];
}

function istioLog(): AccessLog {
  const own = ownEnd({ WORKLOAD_NAME: 'front', NAMESPACE: 'shop', LABELS: { app: 'front', version: 'v1' } });
  const observed = new IstioMetrics(own).observe(listener([chain(http(routeTable('none', {})))]));
  return httpOf(observed.chains[0]!).accessLogs.at(-1)!;
}

function bestOf(work: (i: number) => void, rounds: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds * 20; round++) {
    const start = performance.now();
    for (let i = 0; i < BATCH; i++) work(i);
    best = Math.min(best, ((performance.now() - start) * 1e6) / BATCH);
  }
  return best;
}

/** The same samples on both pages: all counters and histograms of two hundred clusters. */
async function page(rounds: number): Promise<MetricCost> {
  const clusters = Array.from({ length: CLUSTERS }, (_, i) => [`cluster.web-${i}`, new ClusterStats()] as const);
  for (const [, stats] of clusters) stats.upstream_rq_time.record(3);
  const tagger = nameTagger(ALL_DEFAULTS);
  const query = readQuery(new URLSearchParams());
  if (typeof query === 'string') throw new Error(query);
  const numbers = () => clusters.flatMap(([scope, stats]) => [...numbersOf(scope, stats)]);
  const histograms = () => clusters.flatMap(([scope, stats]) => [...histogramsOf(scope, stats)]);
  const ours = () => prometheusText(selectStatistics(numbers(), histograms(), query), 'text', tagger);
  const peer = peerPage(numbers(), histograms().length / CLUSTERS);
  const samples = ours().match(/^[^#]/gm)!.length;
  return {
    work: `the page, per sample of ${samples}`,
    nanoseconds: (await fastest(ours, rounds)) / samples,
    peerNanoseconds: (await fastest(() => peer.metrics(), rounds)) / samples,
  };
}

function peerPage(numbers: readonly (readonly [string, number])[], histograms: number): Registry {
  const registry = new Registry();
  const registers = [registry];
  const counters = new Map<string, Counter>();
  for (const [name] of numbers) {
    const [, cluster = '', field = ''] = /^cluster\.([^.]+)\.(.*)$/.exec(name) ?? [];
    const metric = `envoy_cluster_${field.replace(/\W/g, '_')}`;
    let counter = counters.get(metric);
    if (counter === undefined) {
      counter = new Counter({ name: metric, help: metric, labelNames: ['cluster'], registers });
      counters.set(metric, counter);
    }
    counter.inc({ cluster }, 0);
  }
  for (let nth = 0; nth < histograms; nth++) {
    const help = 'a histogram';
    const histogram = new PeerHistogram({ name: `h${nth}`, help, labelNames: ['cluster'], buckets: BOUNDS, registers });
    for (let i = 0; i < CLUSTERS; i++) histogram.observe({ cluster: `web-${i}` }, 3);
  }
  return registry;
}

/** Nanoseconds. */
async function fastest(work: Work, rounds: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds * 20; round++) {
    const start = performance.now();
    await work();
    best = Math.min(best, (performance.now() - start) * 1e6);
  }
  return best;
}
