// What carries the traffic, as discovery feeds it and the admin interface reads and moves it: one thread, or several that are one proxy.
import type { ClusterView } from '../admin/cluster-status.ts';
import type { NamedHistogram, Statistic } from '../admin/statistics.ts';
import type { ConfigTarget } from '../discovery/config-target.ts';
import type { Decoders } from '../discovery/decoders.ts';

/** How long, in milliseconds, what has to end may go on. */
export type DrainTimes = {
  /** Requests in progress, when the proxy ends. */
  readonly requests: number;
  /** Connections of a listener or chain that is gone. */
  readonly connections: number;
};

export type Engine = {
  /** Threads that carry traffic. */
  readonly concurrency: number;
  readonly dataPlane: ConfigTarget;
  readonly decoders: Decoders;
  /** Brings what is read below up to date; null where it always is. */
  collect(): Promise<void> | null;
  /** Also of the process, where they are of its threads. */
  statistics(): Iterable<Statistic>;
  histograms(): Iterable<NamedHistogram>;
  clusters(): readonly ClusterView[];
  listeners(): readonly ListenerView[];
  /** Prometheus text. */
  meshMetrics(): string;
  memory(): MemoryFigures;
  resetCounters(): void;
  reopenLogs(): void;
  setLogLevel(level: string): void;
  /** Health checks fail, or no longer, because somebody asked for it. */
  failHealth(fail: boolean): void;
  /** Stops accepting, and resolves when requests in progress are over or out of time. */
  drain(part: DrainPart): Promise<void>;
  close(): Promise<void>;
};

type ListenerView = {
  readonly config: { readonly name: string; readonly address: string };
  readonly port: number;
};

/** Bytes; `rss` is of the process. */
export type MemoryFigures = Readonly<Record<'heapUsed' | 'heapTotal' | 'external' | 'rss', number>>;

export type DrainPart = 'all' | 'inbound';
