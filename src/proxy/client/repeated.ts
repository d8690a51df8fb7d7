// Calls that are repeated: after a time uniform below an interval that doubles.
import type { AttemptOutcome } from '../route/table.ts';
import { resetOutcome } from '../router/reset-outcome.ts';
import type { CallFailure, CallServices } from './call.ts';

export type CallRetry = {
  readonly retries: number;
  /** Milliseconds; one try has no more than `max`, as in Envoy. */
  readonly base: number;
  readonly max: number;
  retriable(outcome: AttemptOutcome): boolean;
};

export type RepeatedCall<Outcome> = {
  readonly retry: CallRetry | null;
  /** Milliseconds for all tries; 0 is no limit. */
  readonly timeout: number;
  /** `done` is called once, perhaps before this returns. The result gives the try up. */
  attempt(timeout: number, done: (outcome: Outcome) => void): () => void;
  /** null: it is never tried again. */
  outcomeOf(outcome: Outcome): AttemptOutcome | null;
};

/** `done` is called once, perhaps before this returns. The result gives the call up. */
export function callRepeatedly<Outcome>(
  services: CallServices,
  call: RepeatedCall<Outcome>,
  done: (outcome: Outcome) => void,
): () => void {
  const { retry, timeout } = call;
  if (retry === null) return call.attempt(timeout, done);
  let giveUp: () => void = () => undefined;
  let tries = 0;
  const started = services.clock.now();
  const attempt = () => {
    tries += 1;
    const left = timeout === 0 ? retry.max : Math.max(1, Math.round(timeout - (services.clock.now() - started)));
    let ended = false;
    const cancel = call.attempt(Math.min(left, retry.max), (outcome) => {
      ended = true;
      const isOver = timeout > 0 && services.clock.now() - started >= timeout;
      const seen = tries > retry.retries || isOver ? null : call.outcomeOf(outcome);
      if (seen === null || !retry.retriable(seen)) {
        done(outcome);
        return;
      }
      const delay = services.random() * Math.min(retry.base * 2 ** (tries - 1), retry.max);
      const timer = services.wheel.set(delay, attempt);
      giveUp = () => services.wheel.cancel(timer);
    });
    if (!ended) giveUp = cancel;
  };
  attempt();
  return () => giveUp();
}

/** null: it would fail again. */
export function failureOutcome({ reason }: CallFailure): AttemptOutcome | null {
  switch (reason) {
    case 'no-cluster':
    case 'no-endpoint':
    case 'too-large':
    case 'bug':
      return null;
    case 'timeout':
      return { kind: 'per-try-timeout' };
    default:
      return resetOutcome(reason, true);
  }
}
