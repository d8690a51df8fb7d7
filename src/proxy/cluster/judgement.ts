// The line between what a cluster's answers say about endpoints in this thread and in the others of the proxy: all of them count together,
// one judges for all. `proxy/health` has both ends of it.
import type { Counts } from '../../lib/shared-counts.ts';
import type { AccrualState } from './failure-accrual.ts';
import type { Detector } from './outlier-detection.ts';

/** What is decided of an endpoint. */
export type Verdict = {
  /** It is left out. */
  readonly unfit: boolean;
  /** How often in a row, by the measure of what left it out: each time is longer. */
  readonly times: number;
  readonly accrual: AccrualState;
};

/** What others than the judge saw. */
export type Evidence =
  /** So many failures in a row as the detector asks for. */
  | { readonly kind: 'failed in row'; readonly detector: Detector }
  /** Of Linkerd's circuit breaker. */
  | { readonly kind: 'accrual'; readonly event: 'failures' | 'picked' | 'success' | 'failure' };

/** A cluster in one thread. Endpoints are known by their names. */
export type Party = {
  readonly cluster: string;
  /** A verdict has come from the judge. */
  onVerdict(host: string, verdict: Verdict): void;
  /** To the judge: another thread saw something. */
  onEvidence(host: string, evidence: Evidence): void;
};

/** Ends when `leave` is called. */
export type Judgement = {
  /** What this thread decides is decided for all. */
  readonly judges: boolean;
  /** All threads count in them. */
  counts(host: string): Counts;
  /** What was decided before this thread knew the endpoint. */
  verdict(host: string): Verdict | undefined;
  /** The judge to the others; null: nothing is held against an endpoint that goes. */
  decide(host: string, verdict: Verdict | null): void;
  /** The others to the judge. */
  tell(host: string, evidence: Evidence): void;
  leave(): void;
};
