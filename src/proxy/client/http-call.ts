// Unary HTTP: one request with its whole body, one response with its whole body; repeated as told.
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import type { AttemptOutcome } from '../route/table.ts';
import { resetOutcome } from '../router/reset-outcome.ts';
import { kept } from '../socket/reused-reads.ts';
import { Call, type CallFailure, type CallServices, markOwn } from './call.ts';

export type HttpCall = {
  readonly cluster: string;
  readonly head: RequestHead;
  readonly body: Buffer | null;
  /** Milliseconds for all of it; 0 is no limit. One try of several has no more than the retry's `max`, as in Envoy. */
  readonly timeout: number;
  /** Bytes of the response's body; over it the call fails. */
  readonly maxBytes: number;
  readonly retry: CallRetry | null;
};

/** A call is repeated after a time uniform below an interval that doubles. */
export type CallRetry = {
  readonly retries: number;
  readonly base: number;
  readonly max: number;
  retriable(outcome: AttemptOutcome): boolean;
};

export type HttpAnswer = { readonly status: number; readonly headers: HeaderMap; readonly body: Buffer };

export type HttpOutcome =
  | { readonly kind: 'answer'; readonly answer: HttpAnswer }
  | { readonly kind: 'failure'; readonly failure: CallFailure };

/** `done` is called once, perhaps before this returns. The result gives the call up. */
export function callHttp(services: CallServices, call: HttpCall, done: (outcome: HttpOutcome) => void): () => void {
  let giveUp = () => undefined as unknown;
  let tries = 0;
  const started = services.clock.now();
  const isOver = () => call.timeout > 0 && services.clock.now() - started >= call.timeout;
  const attempt = () => {
    tries += 1;
    const left = call.timeout === 0 ? 0 : Math.max(1, Math.round(call.timeout - (services.clock.now() - started)));
    giveUp = tryOnce(services, call, tryTimeout(left, call.retry), (outcome) => {
      const { retry } = call;
      if (retry === null || tries > retry.retries || !isRetriable(outcome, retry) || isOver()) {
        done(outcome);
        return;
      }
      const delay = services.random() * Math.min(retry.base * 2 ** (tries - 1), retry.max);
      const timer = services.wheel.set(delay, attempt);
      giveUp = () => services.wheel.cancel(timer);
    });
  };
  attempt();
  return () => giveUp();
}

function tryTimeout(left: number, retry: CallRetry | null): number {
  if (retry === null) return left;
  return left === 0 ? retry.max : Math.min(left, retry.max);
}

function tryOnce(
  services: CallServices,
  call: HttpCall,
  timeout: number,
  done: (outcome: HttpOutcome) => void,
): () => void {
  let status = 0;
  let answered: HeaderMap | null = null;
  let size = 0;
  const chunks: Buffer[] = [];
  const complete = () => done({ kind: 'answer', answer: { status, headers: answered!, body: Buffer.concat(chunks) } });
  const headers = call.head.headers.clone();
  markOwn(headers, timeout);
  const started = services.clock.now();
  const running = new Call(
    services,
    { cluster: call.cluster, head: { ...call.head, headers }, timeout },
    {
      onHead(response, last) {
        status = response.status;
        answered = response.headers;
        // Envoy's router adds it to what it gives its own callers too, who may pass it on.
        answered.set('x-envoy-upstream-service-time', String(Math.round(services.clock.now() - started)));
        if (last) complete();
      },
      onData(chunk) {
        size += chunk.length;
        if (size > call.maxBytes) running.fail({ reason: 'too-large', detail: `over ${call.maxBytes} bytes` });
        else chunks.push(kept(chunk));
      },
      onEnd: complete,
      onFailure: (failure) => done({ kind: 'failure', failure }),
    },
  );
  running.start(call.body === null);
  if (call.body !== null) {
    running.write(call.body);
    running.end();
  }
  running.flush();
  return () => running.cancel();
}

function isRetriable(outcome: HttpOutcome, retry: CallRetry): boolean {
  if (outcome.kind === 'answer') {
    const { status, headers } = outcome.answer;
    return retry.retriable({ kind: 'response', head: { status, headers } });
  }
  const { reason } = outcome.failure;
  switch (reason) {
    case 'no-cluster':
    case 'no-endpoint':
    case 'too-large':
    case 'bug':
      return false;
    case 'timeout':
      return retry.retriable({ kind: 'per-try-timeout' });
    default: {
      const reset = resetOutcome(reason, true);
      return reset !== null && retry.retriable(reset);
    }
  }
}
