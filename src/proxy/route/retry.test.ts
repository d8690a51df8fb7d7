import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { RetryPolicySchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { parseRetryOn } from './retry-on.ts';
import { compileRetryPolicy, type RetryPolicy, tryTimeouts } from './retry-policy.ts';
import type { AttemptOutcome } from './table.ts';

function policy(json: JsonObject): RetryPolicy {
  return compileRetryPolicy(fromJson(RetryPolicySchema, json), 'r');
}

const answer = (status: number, ...fields: string[]): AttemptOutcome => ({
  kind: 'response',
  head: { status, headers: new HeaderMap(fields) },
});
const connectFailure: AttemptOutcome = { kind: 'connect-failure' };
const unsent: AttemptOutcome = { kind: 'reset', requestSent: false };
const sent: AttemptOutcome = { kind: 'reset', requestSent: true };
const refused: AttemptOutcome = { kind: 'refused-stream' };
const slow: AttemptOutcome = { kind: 'per-try-timeout' };
const failures = [connectFailure, unsent, sent, slow];

describe('retry_on', () => {
  test.each<[retry_on: string, retried: AttemptOutcome[], not: AttemptOutcome[]]>([
    ['', [], [answer(503), ...failures]],
    ['5xx', [answer(500), answer(503), ...failures], [answer(200), answer(429), answer(600)]],
    ['gateway-error', [answer(502), answer(503), answer(504), ...failures], [answer(500), answer(505)]],
    ['reset', failures, [answer(503)]],
    ['reset-before-request', [connectFailure, unsent], [sent, slow, answer(503)]],
    ['connect-failure', [connectFailure], [unsent, sent, slow, answer(503)]],
    ['refused-stream', [refused], [...failures, answer(503)]],
    ['retriable-4xx', [answer(409)], [answer(400), answer(404), answer(429)]],
    ['envoy-ratelimited', [answer(429, 'x-envoy-ratelimited', 'true')], [answer(429), answer(503)]],
    ['5xx', [], [answer(503, 'x-envoy-ratelimited', 'true')]],
    ['cancelled', [answer(200, 'grpc-status', '1')], [answer(200, 'grpc-status', '2'), answer(200)]],
    ['deadline-exceeded', [answer(200, 'grpc-status', '4')], []],
    ['resource-exhausted', [answer(200, 'grpc-status', '8')], []],
    ['internal', [answer(200, 'grpc-status', '13')], []],
    ['unavailable', [answer(200, 'grpc-status', '14')], [answer(200, 'grpc-status', '0')]],
    ['connect-failure, retriable-4xx', [connectFailure, answer(409)], [answer(500)]],
  ])('%s', (retry_on, retried, not) => {
    const { retriable } = policy({ retry_on });
    expect(retried.filter((outcome) => !retriable(outcome))).toEqual([]);
    expect(not.filter(retriable)).toEqual([]);
  });

  test('status codes need their word', () => {
    const codes = { retriable_status_codes: [418] };
    expect(policy({ retry_on: 'retriable-status-codes', ...codes }).retriable(answer(418))).toBe(true);
    expect(policy({ retry_on: 'reset', ...codes }).retriable(answer(418))).toBe(false);
  });

  test('headers need their word; one is enough', () => {
    const headers: JsonObject = {
      retriable_headers: [
        { name: 'x-a', present_match: true },
        { name: ':status', string_match: { exact: '404' } },
      ],
    };
    const { retriable } = policy({ retry_on: 'retriable-headers', ...headers });
    expect([answer(200, 'x-a', '1'), answer(404), answer(200)].map(retriable)).toEqual([true, true, false]);
    expect(policy({ retry_on: 'reset', ...headers }).retriable(answer(404))).toBe(false);
  });

  test('unknown words are told apart', () => {
    expect(parseRetryOn(' 5xx,,nonsense , reset')).toEqual({ words: new Set(['5xx', 'reset']), unknown: ['nonsense'] });
  });
});

describe('numbers', () => {
  const previousHosts = anyPack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema));
  test.each<[name: string, json: JsonObject, wants: Partial<RetryPolicy>]>([
    ['defaults', {}, { retries: 1, backoff: { base: 25, max: 250 }, reselect: 0 }],
    ['none', { num_retries: 0 }, { retries: 0 }],
    ['base only', { retry_back_off: { base_interval: '0.1s' } }, { backoff: { base: 100, max: 1000 } }],
    ['both', { retry_back_off: { base_interval: '1s', max_interval: '3s' } }, { backoff: { base: 1000, max: 3000 } }],
    ['attempts without a predicate mean nothing', { host_selection_retry_max_attempts: '5' }, { reselect: 0 }],
  ])('%s', (_name, json, wants) => {
    expect(policy(json)).toMatchObject(wants);
  });

  test('limits of each try', () => {
    const message = fromJson(RetryPolicySchema, { per_try_timeout: '0.25s', per_try_idle_timeout: '1s' });
    expect(tryTimeouts(message, 'r')).toEqual({ perTryTimeout: 250, perTryIdleTimeout: 1000 });
    expect(tryTimeouts(undefined, 'r')).toEqual({ perTryTimeout: 0, perTryIdleTimeout: 0 });
  });

  test.each([
    [0n, 1],
    [5n, 5],
  ])('previous hosts, %d attempts', (hostSelectionRetryMaxAttempts, wants) => {
    const message = create(RetryPolicySchema, {
      retryHostPredicate: [{ name: 'p', configType: { case: 'typedConfig', value: previousHosts } }],
      hostSelectionRetryMaxAttempts,
    });
    expect(compileRetryPolicy(message, 'r').reselect).toBe(wants);
  });

  test.each<[JsonObject, string]>([
    [
      { retry_back_off: { base_interval: '2s', max_interval: '1s' } },
      'r.retry_back_off.max_interval: is less than base_interval',
    ],
    [{ retry_back_off: { base_interval: '0s' } }, 'r.retry_back_off.base_interval: must be more than 0'],
    [{ retry_host_predicate: [{ name: 'x' }] }, 'r.retry_host_predicate[0].typed_config: is required'],
  ])('%j is refused', (json, wants) => {
    expect(() => policy(json)).toThrow(wants);
  });
});
