// What answers and failures of requests say about endpoints: Envoy's outlier detection and Linkerd's circuit breaker, side by side.
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import { unfit } from '../balance/health.ts';
import type { OutlierConfig } from '../config/cluster-types.ts';
import { FailureAccrual } from './failure-accrual.ts';
import type { Host } from './host.ts';
import { type OutlierContext, OutlierDetection } from './outlier-detection.ts';

export type PassiveContext = OutlierContext & { readonly wheel: TimerWheel };

export class PassiveHealth {
  readonly #config: OutlierConfig;
  readonly #context: PassiveContext;
  readonly #outlier: OutlierDetection;
  #sweep: Timer;

  constructor(config: OutlierConfig, context: PassiveContext) {
    this.#config = config;
    this.#context = context;
    this.#outlier = new OutlierDetection(config, context);
    this.#sweep = this.#sweepLater();
  }

  stop(): void {
    this.#context.wheel.cancel(this.#sweep);
  }

  add(host: Host): void {
    const { accrual } = this.#config;
    if (accrual === null) return;
    const { wheel, random } = this.#context;
    const onChange = (available: boolean) => {
      if (available) host.unmark(unfit.failedOutlierCheck);
      else host.mark(unfit.failedOutlierCheck);
      this.#context.onChange(host);
    };
    host.accrual = new FailureAccrual(accrual, { wheel, random, onChange });
  }

  remove(host: Host): void {
    this.#outlier.forget(host);
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
    this.#outlier.observeCheck(host);
  }

  #sweepLater(): Timer {
    return this.#context.wheel.set(this.#config.interval, () => {
      this.#sweep = this.#sweepLater();
      this.#outlier.sweep();
    });
  }
}
