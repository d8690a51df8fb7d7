// The words of retry_on (and of the header x-envoy-retry-on): which outcomes of an attempt may be retried.
import type { HeaderMap } from '../http/headers.ts';
import type { AttemptOutcome } from './table.ts';

export type RetryOn = {
  readonly words: ReadonlySet<string>;
  readonly unknown: readonly string[];
};

export type RetriableResponses = {
  /** For the word retriable-status-codes. */
  readonly statusCodes: ReadonlySet<number>;
  /** For the word retriable-headers. */
  matchesHeaders(status: number, headers: HeaderMap): boolean;
};

/** Words about gRPC → grpc-status. */
const GRPC: ReadonlyMap<string, string> = new Map([
  ['cancelled', '1'],
  ['deadline-exceeded', '4'],
  ['resource-exhausted', '8'],
  ['internal', '13'],
  ['unavailable', '14'],
]);

const HTTP: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  // Can never happen without HTTP/3.
  'http3-post-connect-failure',
]);

/** Words are separated by commas; unknown ones are told apart, because a header may ignore them and a resource may not. */
export function parseRetryOn(text: string): RetryOn {
  const all = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const known = (word: string) => HTTP.has(word) || GRPC.has(word);
  return { words: new Set(all.filter(known)), unknown: all.filter((word) => !known(word)) };
}

/** Of x-envoy-retry-on and x-envoy-retry-grpc-on, which know the words of their own kind only. */
export function wordsOfHeader(kind: 'http' | 'grpc', text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  return [...parseRetryOn(text).words].filter((word) => (kind === 'grpc') === GRPC.has(word));
}

/** Whether a header has only words of its own kind. */
export function knowsAll(kind: 'http' | 'grpc', text: string): boolean {
  const { words, unknown } = parseRetryOn(text);
  return unknown.length === 0 && words.size === new Set(wordsOfHeader(kind, text)).size;
}

/** As Envoy's RetryState decides. */
export function compileRetriable(
  words: ReadonlySet<string>,
  responses: RetriableResponses,
): (outcome: AttemptOutcome) => boolean {
  const onResponse = compileResponse(words, responses);
  // A reset counts as a 5xx response that never came.
  const onReset = words.has('5xx') || words.has('gateway-error') || words.has('reset');
  const onUnsent = onReset || words.has('reset-before-request');
  const onRefused = onReset || words.has('refused-stream');
  const onConnect = onUnsent || words.has('connect-failure');
  return (outcome) => {
    switch (outcome.kind) {
      case 'response':
        return onResponse(outcome.head.status, outcome.head.headers);
      case 'connect-failure':
        return onConnect;
      case 'refused-stream':
        return onRefused;
      case 'reset':
        return outcome.requestSent ? onReset : onUnsent;
      case 'per-try-timeout':
        return onReset;
    }
  };
}

function compileResponse(
  words: ReadonlySet<string>,
  responses: RetriableResponses,
): (status: number, headers: HeaderMap) => boolean {
  const grpcStatuses = new Set([...GRPC].filter(([word]) => words.has(word)).map(([, status]) => status));
  const statusCodes = words.has('retriable-status-codes') ? responses.statusCodes : new Set<number>();
  const onHeaders = words.has('retriable-headers');
  return (status, headers) => {
    // Retrying what a rate limit refused makes it worse: it takes its own word.
    if (headers.has('x-envoy-ratelimited')) return words.has('envoy-ratelimited');
    if (status >= 500 && status < 600 && words.has('5xx')) return true;
    if (status >= 502 && status <= 504 && words.has('gateway-error')) return true;
    if (status === 409 && words.has('retriable-4xx')) return true;
    if (statusCodes.has(status)) return true;
    if (onHeaders && responses.matchesHeaders(status, headers)) return true;
    return grpcStatuses.size > 0 && grpcStatuses.has(headers.get('grpc-status') ?? '');
  };
}
