import { describe, expect, test } from 'vitest';
import { requestHead } from '../testing/exchange.ts';
import { forwardOf } from '../testing/routes.ts';
import { expectedTimeout, planFor, type RouterOptions } from './request-plan.ts';
import type { AttemptOutcome, ForwardPlan } from './table.ts';

const options: RouterOptions = {
  respectExpectedTimeout: false,
  suppressHeaders: false,
  strictHeaders: [],
  dynamicStats: true,
  grpcCodes: true,
};
const status = (code: number): AttemptOutcome => ({
  kind: 'response',
  head: { status: code, headers: requestHead().headers },
});

function plan(route: object, headers: readonly string[], change: Partial<RouterOptions> = {}) {
  const request = requestHead({ headers: [...headers] });
  return {
    request,
    plan: planFor(forwardOf({ route: { cluster: 'c', ...route } }), request, { ...options, ...change }),
  };
}

describe('headers', () => {
  test('a plain request follows the route as it is', () => {
    const action = forwardOf({});
    expect(planFor(action, requestHead({ headers: ['accept', '*/*'] }), options)).toBe(action);
  });

  test.each<[headers: readonly string[], wants: Partial<ForwardPlan>]>([
    [['x-envoy-upstream-rq-timeout-ms', '70'], { timeout: 70 }],
    [['x-envoy-upstream-rq-timeout-ms', 'soon'], { timeout: 15_000 }],
    [['x-envoy-upstream-rq-per-try-timeout-ms', '70'], { timeout: 15_000, perTryTimeout: 70 }],
    [['x-envoy-upstream-rq-per-try-timeout-ms', '15000'], { perTryTimeout: 0 }],
    [
      ['x-envoy-upstream-rq-timeout-ms', '0', 'x-envoy-upstream-rq-per-try-timeout-ms', '9'],
      { timeout: 0, perTryTimeout: 9 },
    ],
    [['x-envoy-hedge-on-per-try-timeout', 'true'], { hedge: true }],
    [['x-envoy-upstream-stream-duration-ms', '8'], { streamDuration: 8 }],
    [['x-envoy-max-retries', '8'], { retry: null }],
  ])('%j', (headers, wants) => {
    const { plan: made, request } = plan({}, headers);
    expect(made).toMatchObject(wants);
    expect(request.headers.fields).toEqual([]);
  });

  test('what was expected before this proxy, where it is respected', () => {
    const headers = ['x-envoy-expected-rq-timeout-ms', '70', 'x-envoy-upstream-rq-timeout-ms', '80'];
    expect(plan({}, headers).plan.timeout).toBe(80);
    expect(plan({}, headers, { respectExpectedTimeout: true }).plan.timeout).toBe(70);
  });

  test('retries: words and codes are added, the number is replaced', () => {
    const headers = ['x-envoy-retry-on', 'retriable-status-codes,cancelled', 'x-envoy-max-retries', '4'];
    const { retry } = plan({ retry_policy: { retry_on: '5xx', retriable_status_codes: [418] } }, [
      ...headers,
      'x-envoy-retriable-status-codes',
      '419, x',
    ]).plan;
    expect(retry?.retries).toBe(4);
    expect([...retry!.words]).toEqual(['5xx', 'retriable-status-codes']);
    expect([500, 418, 419, 404].map((code) => retry!.retriable(status(code)))).toEqual([true, true, true, false]);
  });

  test('retries of a route that has none', () => {
    const { retry } = plan({}, [
      'x-envoy-retry-on',
      'retriable-headers',
      'x-envoy-retriable-header-names',
      'X-Again',
    ]).plan;
    expect(retry?.retries).toBe(1);
    const head = { status: 200, headers: requestHead({ headers: ['x-again', ''] }).headers };
    expect(retry!.retriable({ kind: 'response', head })).toBe(true);
  });

  test('only requests that match are retried', () => {
    const route = { retry_policy: { retry_on: '5xx', retriable_request_headers: [{ name: 'x-safe' }] } };
    expect(plan(route, []).plan.retry!.retriable(status(503))).toBe(false);
    expect(plan(route, ['x-safe', '']).plan.retry!.retriable(status(503))).toBe(true);
  });
});

describe('a gRPC client’s deadline', () => {
  const grpc = (timeout?: string) => [
    ...['content-type', 'application/grpc'],
    ...(timeout === undefined ? [] : ['grpc-timeout', timeout]),
  ];
  test.each<[route: object, headers: readonly string[], timeout: number]>([
    [{}, grpc('1S'), 15_000],
    [{ max_grpc_timeout: '2s' }, grpc('1S'), 1000],
    [{ max_grpc_timeout: '2s' }, grpc('1H'), 2000],
    [{ max_grpc_timeout: '2s' }, grpc(), 2000],
    [{ max_grpc_timeout: '0s' }, grpc(), 0],
    [{ max_grpc_timeout: '0s' }, grpc('1500u'), 2],
    [{ max_grpc_timeout: '2s', grpc_timeout_offset: '0.1s' }, grpc('1S'), 900],
    [{ max_grpc_timeout: '2s', grpc_timeout_offset: '0.1s' }, grpc('50m'), 50],
    [{ max_grpc_timeout: '2s' }, ['grpc-timeout', '1S'], 15_000],
    [{ max_grpc_timeout: '2s', max_stream_duration: {} }, grpc('1S'), 0],
  ])('%j %j: %d', (route, headers, timeout) => {
    expect(plan(route, headers).plan.timeout).toBe(timeout);
  });
});

test.each<[change: Partial<ForwardPlan>, elapsed: number, wants: number]>([
  [{}, 0, 15_000],
  [{ perTryTimeout: 70 }, 0, 70],
  [{ perTryTimeout: 70, hedge: true }, 0, 15_000],
  [{ perTryTimeout: 70 }, 14_950, 50],
  [{ timeout: 100 }, 100, 1],
  [{ timeout: 0 }, 5, 0],
  [{ timeout: 0, perTryTimeout: 70 }, 500, 70],
])('%j after %d ms: the upstream has %d', (change, elapsed, wants) => {
  expect(expectedTimeout({ ...forwardOf({}), ...change }, elapsed)).toBe(wants);
});
