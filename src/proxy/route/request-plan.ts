// A route's ForwardPlan, changed by what the request says in headers of Envoy's router (`x-envoy-upstream-rq-timeout-ms` and the like) and by a
// gRPC client's deadline. Who may say so is decided before: `sanitizeRequest` removes these headers from clients that are not trusted.
import { grpcTimeout, isGrpc, setGrpcTimeout } from '../http/grpc-status.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { compileRetriable, wordsOfHeader } from './retry-on.ts';
import { type RetryPolicy, retryNever } from './retry-policy.ts';
import type { ForwardAction, ForwardPlan } from './table.ts';

/** Options of the router filter. */
export type RouterOptions = {
  /** Takes the timeout that an Envoy before this one has computed. */
  readonly respectExpectedTimeout: boolean;
  /** No header of Envoy's own is added to requests and responses. */
  readonly suppressHeaders: boolean;
  /** Requests are refused where one of these headers is malformed. */
  readonly strictHeaders: readonly string[];
  /** Responses are counted, and their time is taken. */
  readonly dynamicStats: boolean;
  /** Statistics say the status of responses to gRPC, too. */
  readonly grpcCodes: boolean;
};

const PREFIX = 'x-envoy-';
const EXPECTED = 'x-envoy-expected-rq-timeout-ms';
const TIMEOUT = 'x-envoy-upstream-rq-timeout-ms';
const PER_TRY = 'x-envoy-upstream-rq-per-try-timeout-ms';

/** Whether statistics say the status of a response. */
export function countsStatus({ grpcCodes }: RouterOptions, { headers }: RequestHead): boolean {
  return grpcCodes || !isGrpc(headers);
}

/** The action itself where the request changes nothing. Removes the headers that are for this proxy alone. */
export function planFor(action: ForwardAction, request: RequestHead, options: RouterOptions): ForwardPlan {
  const controlled = hasControls(request.headers);
  const deadline = action.grpcTimeout !== null && isGrpc(request.headers);
  const onlyFor = action.retry?.onlyFor ?? null;
  if (!controlled && !deadline && onlyFor === null) return action;
  const base = deadline ? { ...action, timeout: deadlineOf(action, request.headers) } : action;
  const plan = controlled ? controlledPlan(base, request, options) : base;
  const refused = onlyFor !== null && plan.retry !== null && !onlyFor(request);
  return refused ? { ...plan, retry: retryNever(plan.retry) } : plan;
}

/** Milliseconds the upstream may take after `elapsed` have gone, 0 without limit. */
export function expectedTimeout({ timeout, perTryTimeout, hedge }: ForwardPlan, elapsed: number): number {
  const expected = hedge || perTryTimeout === 0 ? timeout : perTryTimeout;
  if (expected === 0 || timeout === 0) return expected;
  return elapsed >= timeout ? 1 : Math.min(expected, Math.floor(timeout - elapsed));
}

/** Tells the upstream how long it has. */
export function announceTimeout(
  plan: ForwardPlan,
  action: ForwardAction,
  headers: HeaderMap,
  elapsed: number,
  options: RouterOptions,
): void {
  const expected = expectedTimeout(plan, elapsed);
  if (expected === 0) return;
  if (!options.suppressHeaders) headers.set(EXPECTED, String(expected));
  if (action.grpcTimeout !== null && isGrpc(headers)) setGrpcTimeout(headers, expected);
}

function hasControls({ fields }: HeaderMap): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i]!.startsWith(PREFIX)) return true;
  return false;
}

/** A client without a deadline waits for ever; the route's limit cuts that too. */
function deadlineOf({ grpcTimeout: limits }: ForwardAction, headers: HeaderMap): number {
  const { max, offset } = limits!;
  const asked = grpcTimeout(headers) ?? 0;
  const timeout = offset < asked ? asked - offset : asked;
  return max > 0 && (timeout === 0 || timeout > max) ? max : timeout;
}

function controlledPlan(base: ForwardPlan, request: RequestHead, options: RouterOptions): ForwardPlan {
  const { headers } = request;
  const expected = options.respectExpectedTimeout ? headers.get(EXPECTED) : undefined;
  const asked = expected ?? take(headers, TIMEOUT);
  const timeout = wholeNumber(asked) ?? base.timeout;
  const perTry = wholeNumber(take(headers, PER_TRY)) ?? base.perTryTimeout;
  const hedging = take(headers, 'x-envoy-hedge-on-per-try-timeout');
  return {
    timeout,
    perTryTimeout: timeout > 0 && perTry >= timeout ? 0 : perTry,
    perTryIdleTimeout: base.perTryIdleTimeout,
    streamDuration: wholeNumber(take(headers, 'x-envoy-upstream-stream-duration-ms')) ?? base.streamDuration,
    retry: controlledRetry(base.retry, headers),
    hedge: hedging === 'true' ? true : hedging === 'false' ? false : base.hedge,
  };
}

/** Headers add to what the route retries, and replace how often. */
function controlledRetry(policy: RetryPolicy | null, headers: HeaderMap): RetryPolicy | null {
  const http = wordsOfHeader('http', take(headers, 'x-envoy-retry-on'));
  const grpc = wordsOfHeader('grpc', take(headers, 'x-envoy-retry-grpc-on'));
  const retries = wholeNumber(take(headers, 'x-envoy-max-retries'));
  const codes = listed(take(headers, 'x-envoy-retriable-status-codes')).map(wholeNumber);
  const names = listed(take(headers, 'x-envoy-retriable-header-names')).map((name) => name.toLowerCase());
  const base = policy ?? (http.length + grpc.length > 0 ? retryNever(null) : null);
  if (base === null) return null;
  const words = new Set([...base.words, ...http, ...grpc]);
  const responses = {
    statusCodes: new Set([...base.responses.statusCodes, ...codes.filter((code) => code !== null)]),
    matchesHeaders: (status: number, map: HeaderMap) =>
      base.responses.matchesHeaders(status, map) || names.some((name) => map.has(name)),
  };
  return { ...base, retries: retries ?? base.retries, words, responses, retriable: compileRetriable(words, responses) };
}

function take(headers: HeaderMap, name: string): string | undefined {
  const value = headers.get(name);
  if (value !== undefined) headers.remove(name);
  return value;
}

function listed(text: string | undefined): string[] {
  if (text === undefined) return [];
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** null: no number, which changes nothing. */
function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\s*\+?\d{1,15}\s*$/.test(text) ? Number(text) : null;
}
