// What the main thread and a worker say to each other. A worker takes messages in order and answers each one; resources cross as the bytes
// they came in, because what they compile to are closures: every worker compiles its own.
import type { HistogramState } from '../../lib/histogram.ts';
import type { HostView } from '../admin/cluster-status.ts';
import type { Statistic } from '../admin/statistics.ts';
import type { LayerChange } from '../bootstrap/runtime-layers.ts';
import type { ClusterOutcome } from '../config/on-demand.ts';
import type { SecretValue } from '../config/tls-types.ts';
import type { EvidenceNote, VerdictReport } from '../health/judgement.ts';
import type { HealthNote, HealthReport } from '../health/shared.ts';
import type { LogFlush } from '../log/sink.ts';
import type { DrainPart, DrainTimes, MemoryFigures } from './engine.ts';
import type { Wish } from './wishes.ts';

/** Of the configuration in use. */
export type Change =
  /** Bytes: a Secret whose checks of peers are compiled by each worker. */
  | {
      readonly kind: 'secret';
      readonly name: string;
      readonly source: string;
      readonly value: SecretValue | Uint8Array;
    }
  | { readonly kind: 'endpoints'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: 'cluster'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: 'routes'; readonly name: string; readonly bytes: Uint8Array }
  | {
      readonly kind: 'listener';
      readonly name: string;
      readonly bytes: Uint8Array;
      /** In the order of its addresses, where another worker has bound them; used in place of port 0. */
      readonly ports: readonly number[];
      /** In the same order: sockets that all accept from; null where each worker has its own. */
      readonly sockets: readonly (number | null)[];
    }
  | { readonly kind: 'endpoints gone' | 'cluster gone' | 'routes gone' | 'listener gone'; readonly name: string };

export type Order =
  | { readonly kind: 'change'; readonly change: Change }
  /** The answer is `Figures`. */
  | { readonly kind: 'collect' }
  | { readonly kind: 'reset counters' }
  | { readonly kind: 'reopen logs' }
  | { readonly kind: 'log level'; readonly level: string }
  /** Layers of Envoy's runtime that changed. */
  | { readonly kind: 'runtime'; readonly changes: readonly LayerChange[] }
  | { readonly kind: 'fail health'; readonly fail: boolean }
  /** Answered when requests in progress are over. */
  | { readonly kind: 'drain'; readonly part: DrainPart }
  /** What the worker that checks endpoints found, for the others. */
  | { readonly kind: 'health reports'; readonly reports: readonly HealthReport[] }
  /** What the others tell that one. */
  | { readonly kind: 'health note'; readonly note: HealthNote }
  /** What the worker that judges endpoints decided, for the others; for one that takes its place, what was decided before. */
  | { readonly kind: 'verdicts'; readonly verdicts: readonly VerdictReport[] }
  /** What the others tell that one. */
  | { readonly kind: 'evidence'; readonly note: EvidenceNote }
  /** Whoever waited for that wish goes on. */
  | { readonly kind: 'granted'; readonly wish: number; readonly outcome: ClusterOutcome }
  /** Another worker accepted it. Refused: the main thread closes the descriptor. */
  | ({ readonly kind: 'connection' } & HandedConnection)
  | { readonly kind: 'ping' };

type HandedConnection = { readonly listener: string; readonly descriptor: number };

export type ToWorker =
  | { readonly kind: 'order'; readonly id: number; readonly order: Order }
  | { readonly kind: 'close' };

export type FromWorker = { readonly kind: 'answer'; readonly id: number; readonly outcome: Answer } | News;

/** What a worker says unasked. */
export type News =
  | { readonly kind: 'health report'; readonly report: HealthReport }
  | { readonly kind: 'health note'; readonly note: HealthNote }
  | { readonly kind: 'verdict'; readonly report: VerdictReport }
  | { readonly kind: 'evidence'; readonly note: EvidenceNote }
  | ({ readonly kind: 'connection'; readonly worker: number } & HandedConnection)
  | { readonly kind: 'wish'; readonly wish: Wish };

/** `ports` are those a listener is bound to that opened. */
export type Answer =
  | { readonly kind: 'done'; readonly figures: Figures | null; readonly ports: readonly number[] }
  | { readonly kind: 'refused'; readonly reason: string };

export type Outcome = Answer | { readonly kind: 'gone' };

/** What one thread counted, and what it sees. */
export type Figures = {
  readonly numbers: readonly Statistic[];
  readonly histograms: readonly (readonly [name: string, state: HistogramState])[];
  readonly clusters: readonly { readonly name: string; readonly hosts: readonly HostView[] }[];
  readonly meshMetrics: string;
  readonly memory: MemoryFigures;
};

/** The worker that checks and judges endpoints for all. */
export const FIRST = 0;

/** What a worker starts from. */
export type WorkerSeed = {
  /** From 0: the same for the worker that replaces it. */
  readonly index: number;
  /** A `Bootstrap` message. */
  readonly bootstrap: Uint8Array;
  readonly runtime: readonly LayerChange[];
  readonly logLevel: string;
  /** Health checks fail because somebody asked for it. */
  readonly failing: boolean;
  /** `SharedTallies` of all workers, by index, and of the main thread after them. */
  readonly tallies: SharedArrayBuffer;
  readonly threads: number;
  /** `SharedCounts`. */
  readonly counts: SharedArrayBuffer;
  /** Keys of session tickets are derived from it; made anew with each start of the proxy. */
  readonly ticketSeed: Uint8Array;
  readonly drainTimes: DrainTimes;
  readonly logFlush: LogFlush;
};
