// What the threads of one proxy counted, as one: counters and most gauges add up; what every thread knows of the same thing does not.
import { Histogram } from '../../lib/histogram.ts';
import type { HostFigures, HostView } from '../admin/cluster-status.ts';
import { isGauge } from '../admin/statistic-name.ts';
import type { NamedHistogram, Statistic } from '../admin/statistics.ts';
import type { MemoryFigures } from './engine.ts';
import type { Figures } from './messages.ts';

/**
 * Facts, not shares: every thread has the same endpoints, takes the same updates, and watches the one process. The largest stands for all,
 * because one thread may be a moment behind.
 */
const SAME_FOR_ALL =
  /\.(?:healthy|membership_\w+|update_\w+|assignment_stale|max_host_weight|lb_subsets_(?:active|created|removed)|ejections_active|\w+_open|remaining_\w+|pressure|active|scale_percent)$/;

export function sumNumbers(parts: Iterable<Iterable<Statistic>>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const part of parts) {
    for (const [name, value] of part) {
      const before = sums.get(name);
      if (before === undefined) sums.set(name, value);
      else sums.set(name, SAME_FOR_ALL.test(name) ? Math.max(before, value) : before + value);
    }
  }
  return sums;
}

/** How the kernel spread connections, under Envoy's names: `listener.0.0.0.0_80.worker_0.downstream_cx_total`. */
export function connectionsOf(worker: number, numbers: readonly Statistic[]): Statistic[] {
  return numbers.flatMap(([name, value]): Statistic[] => {
    const [, scope, field] = /^(listener\..*)\.(downstream_cx_(?:active|total))$/.exec(name) ?? [];
    return scope === undefined ? [] : [[`${scope}.worker_${worker}.${field}`, value]];
  });
}

export function sumHistograms(parts: Iterable<Figures['histograms']>): NamedHistogram[] {
  const sums = new Map<string, Histogram>();
  for (const part of parts) {
    for (const [name, state] of part) {
      const sum = sums.get(name) ?? new Histogram();
      sums.set(name, sum);
      sum.add(state);
    }
  }
  return [...sums];
}

/** By name. Requests add up; what one thread holds against an endpoint is shown. */
export function sumHosts(parts: Iterable<readonly HostView[]>): HostView[] {
  const sums = new Map<string, HostView>();
  for (const part of parts) {
    for (const host of part) {
      const before = sums.get(host.name);
      sums.set(host.name, before === undefined ? host : sumHost(before, host));
    }
  }
  return [...sums.values()];
}

/** Success rates are of the thread that has seen one. */
function sumHost(a: HostView, b: HostView): HostView {
  const stats = Object.entries(a.stats).map(([name, value]) => [name, value + b.stats[name as keyof HostFigures]]);
  return {
    ...b,
    activeRequests: a.activeRequests + b.activeRequests,
    health: a.health | b.health,
    stats: Object.fromEntries(stats) as HostFigures,
    successRates: {
      external: Math.max(a.successRates.external, b.successRates.external),
      local: Math.max(a.successRates.local, b.successRates.local),
    },
  };
}

/** Heaps add up; `rss` is of the process and stays. */
export function sumMemory(own: MemoryFigures, parts: Iterable<MemoryFigures>): MemoryFigures {
  let { heapUsed, heapTotal, external } = own;
  for (const part of parts) {
    heapUsed += part.heapUsed;
    heapTotal += part.heapTotal;
    external += part.external;
  }
  return { heapUsed, heapTotal, external, rss: own.rss };
}

/** Prometheus text of counters and histograms: values of the same series add up, families stay together. */
export function sumExpositions(texts: readonly string[]): string {
  const [only] = texts;
  if (texts.length === 1 && only !== undefined) return only;
  const families = new Map<string, Map<string, number>>();
  for (const text of texts) {
    let heading = '';
    let series = new Map<string, number>();
    for (const line of text.split('\n')) {
      if (line.startsWith('# HELP')) heading = line;
      else if (line.startsWith('# TYPE')) {
        const family = `${heading}\n${line}\n`;
        series = families.get(family) ?? new Map();
        families.set(family, series);
      } else if (line !== '') {
        const end = line.lastIndexOf(' ');
        const name = line.slice(0, end);
        series.set(name, (series.get(name) ?? 0) + Number(line.slice(end + 1)));
      }
    }
  }
  return [...families]
    .map(([family, series]) => family + [...series].map(([name, value]) => `${name} ${value}\n`).join(''))
    .join('');
}

/** What threads that are gone leave behind: what they counted, without what they held. */
export function legacyOf(all: readonly Figures[]): Figures {
  const numbers = [...sumNumbers(all.map((one) => one.numbers))];
  return {
    numbers: numbers.filter(([name]) => !isGauge(name)),
    histograms: sumHistograms(all.map(({ histograms }) => histograms)).map(([name, sum]) => [name, sum.state()]),
    clusters: [],
    meshMetrics: sumExpositions(all.map(({ meshMetrics }) => meshMetrics)),
    memory: { heapUsed: 0, heapTotal: 0, external: 0, rss: 0 },
  };
}
