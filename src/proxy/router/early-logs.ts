// Log lines of exchanges that are not over yet, where `access_log_options` ask for them: at the beginning, and every so often.
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { HttpConnectionConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';

export class EarlyLogs {
  readonly #options: NonNullable<HttpConnectionConfig['earlyLogs']>;
  readonly #log: (exchange: Exchange) => void;
  readonly #wheel: TimerWheel;
  readonly #timers = new Map<Exchange, Timer>();

  constructor(
    options: NonNullable<HttpConnectionConfig['earlyLogs']>,
    log: (exchange: Exchange) => void,
    wheel: TimerWheel,
  ) {
    this.#options = options;
    this.#log = log;
    this.#wheel = wheel;
  }

  /** The request's route is known. */
  begin(exchange: Exchange): void {
    if (this.#options.onNewRequest) this.#write(exchange, 'DownstreamStart');
    if (this.#options.interval > 0) this.#watch(exchange);
  }

  end(exchange: Exchange): void {
    const timer = this.#timers.get(exchange);
    if (timer === undefined) return;
    this.#wheel.cancel(timer);
    this.#timers.delete(exchange);
  }

  #watch(exchange: Exchange): void {
    const timer = this.#wheel.set(this.#options.interval, () => {
      this.#watch(exchange);
      this.#write(exchange, 'DownstreamPeriodic');
    });
    this.#timers.set(exchange, timer);
  }

  #write(exchange: Exchange, type: Exchange['logType']): void {
    exchange.logType = type;
    this.#log(exchange);
    exchange.logType = 'DownstreamEnd';
  }
}
