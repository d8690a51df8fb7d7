// The whole data plane in the thread that calls this: all of a proxy with one worker, one of several otherwise.
import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { turnClock } from '../../lib/turn-clock.ts';
import { type ClusterView, viewOf } from '../admin/cluster-status.ts';
import { isGauge } from '../admin/statistic-name.ts';
import type { NamedHistogram, Statistic } from '../admin/statistics.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import { decoders } from '../config/decoders.ts';
import { DataPlane } from '../data-plane.ts';
import type { Decoders } from '../discovery/decoders.ts';
import type { EnterCourt } from '../health/judgement.ts';
import type { WatchHealth } from '../health/shared.ts';
import type { ListenerSharing } from '../listener/sharing.ts';
import { IstioMetrics } from '../log/istio-metrics.ts';
import { droppedLines, type LogFlush, reopenSinks, setFlushing } from '../log/sink.ts';
import { ownEnd } from '../log/workload-end.ts';
import { withSafetyNet } from '../overload/config.ts';
import { type Gauges, Overload, processGauges } from '../overload/overload.ts';
import { processMemory } from '../system/process-memory.ts';
import type { DrainPart, DrainTimes, Engine, MemoryFigures } from './engine.ts';
import { countFaults } from './faults.ts';

export type ThreadLog = Log & { level: string };

export type ThreadOptions = {
  readonly bootstrap: Bootstrap;
  readonly log: ThreadLog;
  readonly drainTimes: DrainTimes;
  readonly logFlush: LogFlush;
  /** Where there are other threads. */
  readonly sharing?: ListenerSharing;
  readonly watchHealth?: WatchHealth;
  readonly judgement?: EnterCourt;
};

export class ProxyThread implements Engine {
  readonly concurrency = 1;
  readonly dataPlane: DataPlane;
  readonly decoders: Decoders;
  readonly #log: ThreadLog;
  readonly #metrics: IstioMetrics;
  readonly #faults: { readonly count: number };
  readonly #health = { failing: false };

  constructor({ bootstrap, log, drainTimes, logFlush, sharing, watchHealth, judgement }: ThreadOptions) {
    const metrics = new IstioMetrics(ownEnd(bootstrap.node.metadata ?? {}));
    this.#log = log;
    this.#metrics = metrics;
    this.#faults = countFaults(log);
    setFlushing(logFlush);
    this.decoders = { ...decoders, decodeListener: (listener) => metrics.observe(decoders.decodeListener(listener)) };
    this.dataPlane = new DataPlane({
      clock: turnClock,
      random: Math.random,
      log,
      runtime: bootstrap.runtime,
      health: this.#health,
      overload: new Overload(systemClock, withSafetyNet(bootstrap.overload), gauges()),
      node: bootstrap.node,
      localCluster: bootstrap.localCluster,
      dnsResolver: bootstrap.dnsResolver,
      outlierLog: bootstrap.outlierLog,
      drainTime: drainTimes.requests,
      listenerDrainTime: drainTimes.connections,
      ...(sharing && { sharing }),
      ...(watchHealth && { watchHealth }),
      ...(judgement && { judgement }),
    });
  }

  collect(): null {
    return null;
  }

  *statistics(): IterableIterator<Statistic> {
    yield* this.dataPlane.stats();
    yield ['server.uncaught_faults', this.#faults.count];
    yield ['filesystem.write_dropped', droppedLines()];
  }

  histograms(): Iterable<NamedHistogram> {
    return this.dataPlane.histograms();
  }

  clusters(): readonly ClusterView[] {
    return this.dataPlane.clusters().map((cluster) => ({
      config: cluster.config,
      get hosts() {
        return cluster.hosts.map(viewOf);
      },
    }));
  }

  listeners(): ReturnType<DataPlane['listeners']> {
    return this.dataPlane.listeners();
  }

  meshMetrics(): string {
    return this.#metrics.text();
  }

  memory(): MemoryFigures {
    return process.memoryUsage();
  }

  resetCounters(): void {
    this.dataPlane.resetCounters(isGauge);
  }

  reopenLogs(): void {
    reopenSinks();
  }

  setLogLevel(level: string): void {
    this.#log.level = level;
  }

  failHealth(fail: boolean): void {
    this.#health.failing = fail;
  }

  drain(part: DrainPart): Promise<void> {
    return part === 'all' ? this.dataPlane.drain() : this.dataPlane.drain(({ direction }) => direction === 'inbound');
  }

  close(): Promise<void> {
    return this.dataPlane.close();
  }
}

function gauges(): Gauges {
  const memory = processMemory();
  return { ...processGauges, release: () => memory.release(true) };
}
