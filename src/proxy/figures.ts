// What a proxy counts, under Envoy's names: of its clusters, listeners, connection managers and filters.
import type { Histogram } from '../lib/histogram.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { DnsCaches } from './cluster/dns-caches.ts';
import { endpointFigures } from './cluster/endpoint-figures.ts';
import { histogramsOf, mergeByName, numbersOf, resetCounters, statScope, sumByName } from './http/statistics.ts';
import type { Listener } from './listener/listener.ts';
import { FilterStats } from './router/filter-stats.ts';
import { HttpStats } from './router/stats.ts';

export type FigureSources = {
  clusters(): readonly Cluster[];
  listeners(): readonly Listener[];
  readonly dnsCaches: DnsCaches;
};

export class Figures {
  readonly #sources: FigureSources;
  readonly #managers = new Map<string, HttpStats>();
  readonly #filters = new FilterStats();

  constructor(sources: FigureSources) {
    this.#sources = sources;
  }

  /** Of connection managers by their `stat_prefix`. */
  ofManager(prefix: string): HttpStats {
    const known = this.#managers.get(prefix);
    if (known !== undefined) return known;
    const stats = new HttpStats();
    this.#managers.set(prefix, stats);
    return stats;
  }

  /** See `FilterScope.stats`. */
  ofFilter<Stats extends object>(name: string, make: () => Stats): Stats {
    return this.#filters.get(name, make);
  }

  numbers(): IterableIterator<readonly [name: string, value: number]> {
    return this.#sharesNames() ? sumByName(this.#numbers()) : this.#numbers();
  }

  histograms(): IterableIterator<readonly [name: string, histogram: Histogram]> {
    return this.#sharesNames() ? mergeByName(this.#histograms()) : this.#histograms();
  }

  reset(isGauge: (name: string) => boolean): void {
    for (const [scope, stats] of this.#scopes()) resetCounters(scope, stats, isGauge);
  }

  *#numbers(): IterableIterator<readonly [name: string, value: number]> {
    for (const [scope, stats] of this.#scopes()) yield* numbersOf(scope, stats);
  }

  *#histograms(): IterableIterator<readonly [name: string, histogram: Histogram]> {
    for (const [scope, stats] of this.#scopes()) yield* histogramsOf(scope, stats);
  }

  *#scopes(): IterableIterator<readonly [scope: string, stats: object]> {
    const { clusters, listeners, dnsCaches } = this.#sources;
    for (const cluster of clusters()) {
      const scope = statScope('cluster', cluster.config.statName);
      yield [scope, cluster.stats];
      if (cluster.sizes !== null) yield [scope, cluster.sizes];
      if (cluster.budgets !== null) yield [scope, cluster.budgets];
      if (cluster.loadStreams !== null) yield [`${scope}.lb_orca_oob`, cluster.loadStreams];
      yield* endpointFigures(cluster);
      yield [`${scope}.http2`, cluster.http2Stats];
      for (const [priority, breaker] of Object.entries(cluster.breakers)) {
        yield [`${scope}.circuit_breakers.${priority}`, breaker.gauges()];
      }
    }
    for (const [prefix, stats] of this.#managers) yield [`http.${prefix}`, stats];
    yield* this.#filters.all();
    yield* dnsCaches.stats();
    for (const listener of listeners()) {
      yield [statScope('listener', listener.config.statPrefix || placeOf(listener)), listener.stats];
    }
  }

  /** Whether clusters, or listeners, are counted together. */
  #sharesNames(): boolean {
    const clusters = this.#sources.clusters().map(({ config }) => config.statName);
    const listeners = this.#sources.listeners().flatMap(({ config }) => config.statPrefix || []);
    return new Set(clusters).size < clusters.length || new Set(listeners).size < listeners.length;
  }
}

/** What a listener is called that has no name for statistics: its address. */
function placeOf({ config: { address }, port }: Listener): string {
  return `${address.includes(':') ? `[${address}]` : address}_${port}`;
}
