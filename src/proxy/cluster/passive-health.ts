// What answers and failures of requests say about endpoints: Envoy's outlier detection and Linkerd's circuit breaker, side by side.
// Where several threads send requests, all count in the same counts, and one of them judges: the others tell it of failures in a row and
// do as it decides.
import { Counts } from '../../lib/shared-counts.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import { unreachable } from '../../lib/unreachable.ts';
import { unfit } from '../balance/health.ts';
import type { AccrualConfig, OutlierConfig } from '../config/cluster-types.ts';
import { type Accrual, FailureAccrual } from './failure-accrual.ts';
import { FollowedAccrual } from './followed-accrual.ts';
import type { Host } from './host.ts';
import type { Evidence, Judgement, Party, Verdict } from './judgement.ts';
import { type OutlierContext, OutlierDetection } from './outlier-detection.ts';
import { OutlierMonitor } from './outlier-monitor.ts';

export type PassiveContext = Omit<OutlierContext, 'tell'> & {
  readonly cluster: string;
  readonly wheel: TimerWheel;
  /** null: this thread has the endpoints for itself. */
  readonly judgement: ((party: Party) => Judgement) | null;
};

export class PassiveHealth {
  readonly #config: OutlierConfig;
  readonly #context: PassiveContext;
  readonly #outlier: OutlierDetection;
  readonly #judgement: Judgement | null;
  /** Another thread decides. */
  readonly #follows: boolean;
  #sweep: Timer | null = null;

  constructor(config: OutlierConfig, context: PassiveContext) {
    this.#config = config;
    this.#context = context;
    const judgement =
      context.judgement?.({
        cluster: context.cluster,
        onVerdict: (name, verdict) => this.#toEach(name, (host) => this.#follow(host, verdict)),
        onEvidence: (name, evidence) => this.#toEach(name, (host) => this.#hear(host, evidence)),
      }) ?? null;
    this.#judgement = judgement;
    this.#follows = judgement !== null && !judgement.judges;
    this.#outlier = new OutlierDetection(config, {
      ...context,
      onChange: (host) => this.#changed(host),
      tell: this.#follows ? (host, detector) => judgement?.tell(host.name, { kind: 'failed in row', detector }) : null,
    });
    if (!this.#follows) this.#sweepLater();
  }

  stop(): void {
    this.#context.wheel.cancel(this.#sweep);
    this.#judgement?.leave();
  }

  add(host: Host): void {
    const { accrual } = this.#config;
    const counts = this.#judgement?.counts(host.name) ?? new Counts();
    host.outlier = new OutlierMonitor(counts);
    if (accrual !== null) host.accrual = this.#makeAccrual(host, accrual, counts);
    const verdict = this.#judgement?.verdict(host.name);
    if (verdict === undefined) return;
    if (this.#follows) this.#obey(host, verdict);
    else this.#resume(host, verdict);
  }

  remove(host: Host): void {
    if (this.#follows) host.unmark(unfit.failedOutlierCheck);
    else {
      this.#outlier.forget(host);
      this.#judgement?.decide(host.name, null);
    }
    host.accrual?.stop();
    host.accrual = null;
  }

  /** A request was answered. */
  observe(host: Host, status: number): void {
    this.#outlier.observe(host, status);
    if (status >= 500) host.accrual?.onFailure();
    else host.accrual?.onSuccess();
  }

  /** It was not; `status` is what the client gets. */
  observeFailure(host: Host, status: number): void {
    this.#outlier.observeFailure(host, status);
    host.accrual?.onFailure();
  }

  observeConnected(host: Host, final: boolean): void {
    this.#outlier.observeConnected(host, final);
    if (final) host.accrual?.onSuccess();
  }

  observeCheck(host: Host): void {
    if (!this.#follows) this.#outlier.observeCheck(host);
  }

  #makeAccrual(host: Host, config: AccrualConfig, counts: Counts): Accrual {
    const judgement = this.#judgement;
    if (judgement !== null && this.#follows)
      return new FollowedAccrual(config.maxFailures, {
        counts,
        tell: (event) => judgement.tell(host.name, { kind: 'accrual', event }),
        onTrial: () => {
          host.mark(unfit.failedOutlierCheck);
          this.#context.onChange(host);
        },
      });
    const { wheel, random } = this.#context;
    const onChange = (available: boolean) => {
      if (available) host.unmark(unfit.failedOutlierCheck);
      else host.mark(unfit.failedOutlierCheck);
      this.#changed(host);
    };
    return new FailureAccrual(config, { wheel, random, counts, onChange });
  }

  #changed(host: Host): void {
    this.#judgement?.decide(host.name, verdictOf(host));
    this.#context.onChange(host);
  }

  #follow(host: Host, verdict: Verdict): void {
    const before = host.health;
    this.#obey(host, verdict);
    if (host.health !== before) this.#context.onChange(host);
  }

  #obey(host: Host, verdict: Verdict): void {
    if (verdict.unfit) host.mark(unfit.failedOutlierCheck);
    else host.unmark(unfit.failedOutlierCheck);
    if (host.accrual instanceof FollowedAccrual) host.accrual.follow(verdict.accrual);
  }

  /** Another thread judged before this one. */
  #resume(host: Host, { unfit: isUnfit, accrual, times }: Verdict): void {
    if (host.accrual instanceof FailureAccrual && accrual !== 'closed') host.accrual.resume(times);
    else if (isUnfit) this.#outlier.resume(host, times);
  }

  #hear(host: Host, evidence: Evidence): void {
    if (evidence.kind === 'failed in row') this.#outlier.judgeRow(host, evidence.detector);
    else if (host.accrual instanceof FailureAccrual) hearOfAccrual(host.accrual, evidence.event);
  }

  #toEach(name: string, work: (host: Host) => void): void {
    for (const host of this.#context.hosts()) if (host.name === name) work(host);
  }

  #sweepLater(): void {
    this.#sweep = this.#context.wheel.set(this.#config.interval, () => {
      this.#sweepLater();
      this.#outlier.sweep();
    });
  }
}

function verdictOf(host: Host): Verdict {
  const accrual = host.accrual?.state ?? 'closed';
  const times =
    host.accrual instanceof FailureAccrual && accrual !== 'closed' ? host.accrual.rounds : host.outlier.backoff;
  return { unfit: host.is(unfit.failedOutlierCheck), times, accrual };
}

function hearOfAccrual(accrual: FailureAccrual, event: Extract<Evidence, { kind: 'accrual' }>['event']): void {
  switch (event) {
    case 'failures':
      accrual.onFailures();
      return;
    case 'picked':
      accrual.beginTrial();
      return;
    case 'success':
      accrual.onSuccess();
      return;
    case 'failure':
      accrual.onFailure();
      return;
    default:
      unreachable(event);
  }
}
