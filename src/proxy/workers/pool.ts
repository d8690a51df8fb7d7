// A proxy with several workers. This thread speaks to the control plane, owns secrets and the admin port, and carries no traffic of others;
// every worker has the whole configuration and sockets of its own on every listener, among which the kernel spreads connections.
import { randomBytes } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../lib/clock.ts';
import { SharedCounts } from '../../lib/shared-counts.ts';
import { SharedTallies } from '../../lib/shared-tallies.ts';
import { unreachable } from '../../lib/unreachable.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { ClusterView } from '../admin/cluster-status.ts';
import type { NamedHistogram, Statistic } from '../admin/statistics.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import { decoders } from '../config/decoders.ts';
import { nothingOnDemand, type OnDemand } from '../config/on-demand.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { ConfigTarget } from '../discovery/config-target.ts';
import type { Decoders } from '../discovery/decoders.ts';
import { type EvidenceNote, Witness } from '../health/judgement.ts';
import { FollowedHealth, type HealthNote } from '../health/shared.ts';
import { balanceName, SERVES } from '../listener/exact-balance.ts';
import type { LogFlush } from '../log/sink.ts';
import { closeSocket } from '../system/sockets.ts';
import {
  connectionsOf,
  legacyOf,
  sumExpositions,
  sumHistograms,
  sumHosts,
  sumMemory,
  sumNumbers,
} from './collected.ts';
import { Crew } from './crew.ts';
import { DecodedBytes } from './decoded-bytes.ts';
import type { DrainPart, DrainTimes, Engine, MemoryFigures } from './engine.ts';
import { FIRST, type Figures, type News, type Order } from './messages.ts';
import { SharedListeners } from './shared-listeners.ts';
import { ProxyThread, type ThreadLog } from './thread.ts';
import { grant } from './wishes.ts';

export type PoolOptions = {
  readonly concurrency: number;
  /** What a worker's thread runs. */
  readonly entry: URL;
  readonly bootstrap: Bootstrap;
  readonly log: ThreadLog;
  readonly drainTimes: DrainTimes;
  readonly logFlush: LogFlush;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

/** Milliseconds. A scrape does not wait longer for a busy thread: it gets the figures of its last answer. */
const COLLECT_TIME = 2_000;
/** What a worker gets to write what it holds, and beyond its drain time. */
const LEEWAY = 2_000;

export class WorkerPool implements Engine {
  readonly concurrency: number;
  readonly dataPlane: ConfigTarget;
  readonly decoders: Decoders;
  readonly #options: PoolOptions;
  readonly #crew: Crew;
  readonly #listeners: SharedListeners;
  readonly #clusters = new Map<string, ClusterConfig>();
  /** For streams to the control plane: it has the clusters of the bootstrap, and no listener. */
  readonly #own: ProxyThread;
  readonly #tallies: SharedTallies;
  readonly #counts: SharedCounts;
  /** By worker. */
  readonly #figures = new Map<number, Figures>();
  /** Of workers that are gone. */
  #legacy: readonly Figures[] = [];
  #failing = false;
  #onDemand: OnDemand = nothingOnDemand;
  /** Its endpoints are checked by a worker, like everybody's. */
  readonly #health: FollowedHealth;
  /** They are judged by a worker too. */
  readonly #court: Witness;

  /** Rejects when a worker does not start. */
  static async start(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    await pool.#crew.start();
    return pool;
  }

  private constructor(options: PoolOptions) {
    const { concurrency, entry, bootstrap, log, drainTimes, logFlush, clock, random } = options;
    const bytes = new DecodedBytes(decoders);
    const threads = concurrency + 1;
    const tallies = SharedTallies.allocate(threads);
    const counts = SharedCounts.allocate();
    const seed = {
      bootstrap: toBinary(BootstrapSchema, bootstrap.message),
      drainTimes,
      logFlush,
      tallies,
      counts,
      threads,
      ticketSeed: randomBytes(48),
    };
    this.#tallies = new SharedTallies(tallies, threads, concurrency);
    this.#counts = new SharedCounts(counts);
    this.#options = options;
    this.#health = new FollowedHealth((note) => this.#note(note));
    this.#court = new Witness(this.#counts, (note) => this.#testify(note));
    this.#own = new ProxyThread({
      ...{ bootstrap, log, drainTimes, logFlush },
      watchHealth: this.#health.watch,
      judgement: this.#court.enter,
    });
    this.concurrency = concurrency;
    this.decoders = bytes.decoders;
    this.#crew = new Crew({
      size: concurrency,
      seed: (index) => ({
        ...seed,
        index,
        logLevel: log.level,
        failing: this.#failing,
        runtime: bootstrap.runtime.changeable(),
      }),
      onDeath: (index) => this.#bury(index),
      onNews: (news, tell) => this.#hear(news, tell),
      briefing: () => [
        { kind: 'health reports', reports: this.#health.reports() },
        { kind: 'verdicts', verdicts: this.#court.reports() },
      ],
      ...{ entry, log, clock, random },
    });
    this.#listeners = new SharedListeners(this.#crew);
    this.dataPlane = this.#everywhere(bytes);
    bootstrap.runtime.onChange = (changes) => this.#crew.tell({ kind: 'runtime', changes });
  }

  async collect(): Promise<void> {
    const late = new Promise<void>((resolve) => this.#options.clock.after(COLLECT_TIME, resolve));
    const all = this.#crew.each({ kind: 'collect' }, (index, outcome) => {
      if (outcome.kind === 'done' && outcome.figures !== null) this.#figures.set(index, outcome.figures);
    });
    await Promise.race([all, late]);
  }

  statistics(): Iterable<Statistic> {
    const deaths: Statistic[] = [['server.worker_deaths', this.#crew.deaths]];
    const ofWorkers = [...this.#figures].map(([index, { numbers }]) => connectionsOf(index, numbers));
    return sumNumbers([deaths, this.#own.statistics(), ...ofWorkers, ...this.#all().map(({ numbers }) => numbers)]);
  }

  histograms(): Iterable<NamedHistogram> {
    return sumHistograms(this.#all().map(({ histograms }) => histograms));
  }

  clusters(): readonly ClusterView[] {
    const own = new Map(this.#own.clusters().map(({ config, hosts }) => [config.name, hosts]));
    const seen = [...this.#figures.values()].map(
      ({ clusters }) => new Map(clusters.map((one) => [one.name, one.hosts])),
    );
    return [...this.#clusters.values()].map((config) => ({
      config,
      hosts: sumHosts([own, ...seen].map((clusters) => clusters.get(config.name) ?? [])),
    }));
  }

  listeners(): ReturnType<SharedListeners['entries']> {
    return this.#listeners.entries();
  }

  meshMetrics(): string {
    return sumExpositions(this.#all().map(({ meshMetrics }) => meshMetrics));
  }

  memory(): MemoryFigures {
    return sumMemory(
      this.#own.memory(),
      [...this.#figures.values()].map(({ memory }) => memory),
    );
  }

  resetCounters(): void {
    this.#legacy = [];
    this.#own.resetCounters();
    this.#crew.tell({ kind: 'reset counters' });
  }

  reopenLogs(): void {
    this.#crew.tell({ kind: 'reopen logs' });
  }

  failHealth(fail: boolean): void {
    this.#failing = fail;
    this.#crew.tell({ kind: 'fail health', fail });
  }

  setLogLevel(level: string): void {
    this.#crew.tell({ kind: 'log level', level });
  }

  async drain(part: DrainPart): Promise<void> {
    const { clock, drainTimes } = this.#options;
    await this.#listeners.forget(part);
    const late = new Promise<void>((resolve) => clock.after(drainTimes.requests + LEEWAY, resolve));
    await Promise.race([this.#crew.ask({ kind: 'drain', part }), late]);
  }

  async close(): Promise<void> {
    await this.#listeners.forget('all');
    await this.#crew.close(LEEWAY);
    await this.#own.close();
  }

  #everywhere(bytes: DecodedBytes): ConfigTarget {
    const crew = this.#crew;
    const own = this.#own.dataPlane;
    const fixed = new Set(this.#options.bootstrap.clusters.map(({ name }) => name));
    return {
      client: own.client,
      serveOnDemand: (onDemand) => {
        this.#onDemand = onDemand;
      },
      openPrivate: (config) => own.openPrivate(config),
      setSecret: (source, name, value) => {
        own.setSecret(source, name, value);
        return crew.all({ kind: 'secret', source, name, value: bytes.find(value) ?? value });
      },
      setEndpoints: (name, assignment) => {
        own.setEndpoints(name, assignment);
        return crew.all({ kind: 'endpoints', name, bytes: bytes.of(assignment) });
      },
      removeEndpoints: (name) => {
        own.removeEndpoints(name);
        crew.drop({ kind: 'endpoints gone', name });
      },
      setRoutes: (table) => crew.all({ kind: 'routes', name: table.name, bytes: bytes.of(table) }),
      removeRoutes: (name) => crew.drop({ kind: 'routes gone', name }),
      setListener: (config) => this.#listeners.set(config, bytes.of(config)),
      removeListener: (name) => this.#listeners.remove(name),
      setCluster: async (config) => {
        const usedHere = fixed.has(config.name) ? own.setCluster(config) : undefined;
        this.#clusters.set(config.name, config);
        await Promise.all([usedHere, crew.all({ kind: 'cluster', name: config.name, bytes: bytes.of(config) })]);
      },
      removeCluster: (name) => {
        this.#clusters.delete(name);
        own.removeCluster(name);
        crew.drop({ kind: 'cluster gone', name });
      },
    };
  }

  #hear(news: News, tell: (order: Order) => void): void {
    switch (news.kind) {
      case 'health note':
        this.#note(news.note);
        return;
      case 'health report':
        this.#health.hear(news.report);
        this.#crew.tell({ kind: 'health reports', reports: [news.report] }, (index) => index !== FIRST);
        return;
      case 'evidence':
        this.#testify(news.note);
        return;
      case 'verdict':
        this.#court.hear(news.report);
        this.#crew.tell({ kind: 'verdicts', verdicts: [news.report] }, (index) => index !== FIRST);
        return;
      case 'connection':
        void this.#handOver(news);
        return;
      case 'wish':
        grant(news.wish, this.#onDemand, (outcome) => tell({ kind: 'granted', wish: news.wish.wish, outcome }));
        return;
      default:
        unreachable(news);
    }
  }

  #note(note: HealthNote): void {
    this.#crew.tell({ kind: 'health note', note }, (index) => index === FIRST);
  }

  async #handOver({ worker, listener, descriptor }: Extract<News, { readonly kind: 'connection' }>): Promise<void> {
    const outcome = await this.#crew.askOne(worker, { kind: 'connection', listener, descriptor });
    if (outcome.kind !== 'done') closeSocket(descriptor);
  }

  #testify(note: EvidenceNote): void {
    this.#crew.tell({ kind: 'evidence', note }, (index) => index === FIRST);
  }

  #all(): readonly Figures[] {
    return [...this.#legacy, ...this.#figures.values()];
  }

  /** What it counted stays counted, as far as it was known. */
  #bury(index: number): void {
    this.#tallies.clear(index);
    for (const { config } of this.listeners()) {
      if (config.exactBalance) this.#counts.of(balanceName(index, config.name)).clear(SERVES);
    }
    const last = this.#figures.get(index);
    this.#figures.delete(index);
    if (last !== undefined) this.#legacy = [legacyOf([...this.#legacy, last])];
  }
}
