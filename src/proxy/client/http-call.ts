// Unary HTTP: one request with its whole body, one response with its whole body; repeated as told.
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import type { AttemptOutcome } from '../route/table.ts';
import { kept } from '../socket/reused-reads.ts';
import { Call, type CallFailure, type CallServices, markOwn } from './call.ts';
import { type CallRetry, callRepeatedly, failureOutcome } from './repeated.ts';

export type HttpCall = {
  readonly cluster: string;
  readonly head: RequestHead;
  readonly body: Buffer | null;
  /** Milliseconds for all of it; 0 is no limit. */
  readonly timeout: number;
  /** Bytes of the response's body; over it the call fails. */
  readonly maxBytes: number;
  readonly retry: CallRetry | null;
};

export type HttpAnswer = { readonly status: number; readonly headers: HeaderMap; readonly body: Buffer };

export type HttpOutcome =
  | { readonly kind: 'answer'; readonly answer: HttpAnswer }
  | { readonly kind: 'failure'; readonly failure: CallFailure };

/** `done` is called once, perhaps before this returns. The result gives the call up. */
export function callHttp(services: CallServices, call: HttpCall, done: (outcome: HttpOutcome) => void): () => void {
  const { retry, timeout } = call;
  const attempt = (limit: number, ended: (outcome: HttpOutcome) => void) => tryOnce(services, call, limit, ended);
  return callRepeatedly(services, { retry, timeout, attempt, outcomeOf }, done);
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

function outcomeOf(outcome: HttpOutcome): AttemptOutcome | null {
  if (outcome.kind === 'failure') return failureOutcome(outcome.failure);
  const { status, headers } = outcome.answer;
  return { kind: 'response', head: { status, headers } };
}
