// What a service that counts connections is told, and what comes of each answer.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { RateLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.ts';
import { type RateLimitRequest, RateLimitResponseSchema } from '../../xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';
import type { UnaryOutcome } from '../client/grpc-call.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { testExchange } from '../testing/exchange.ts';
import type { Asking, Refusal } from './filter.ts';
import { compileNetworkFilter } from './registry.ts';

type Outcome = UnaryOutcome<typeof RateLimitResponseSchema>;

const entry = (key: string, value: string) => ({ key, value });
const compile = (config: JsonObject) => {
  const json = {
    stat_prefix: 's',
    domain: 'd',
    descriptors: [{ entries: [entry('k', 'v'), entry('ip', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')] }],
    rate_limit_service: { transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: 'limits' } } },
    ...config,
  };
  return compileNetworkFilter(anyPack(RateLimitSchema, fromJson(RateLimitSchema, json)), 'filter', 'f');
};

/** Asks about a connection; the service answers with `outcome`, and shares of the runtime are `shares`. */
function ask(config: JsonObject, outcome: Outcome, shares: Readonly<Record<string, number>> = {}) {
  let stats: object = {};
  let request: RateLimitRequest | undefined;
  const grpc = (_method: unknown, _target: unknown, asked: RateLimitRequest, answer: (outcome: Outcome) => void) => {
    request = asked;
    answer(outcome);
    return () => undefined;
  };
  const running = compile(config).start({
    clock: new ManualClock(),
    random: () => 0.5,
    client: { grpc } as never,
    runtime: { ...noRuntime, share: (key) => shares[key] },
    workers: 1,
    tally: () => null,
    stats(_name, make) {
      const made = make();
      stats = made;
      return made;
    },
  }) as Asking;
  const record = testExchange();
  let refusal: Refusal | null | undefined;
  running.ask(record, (said) => {
    refusal = said;
  });
  return { record, refusal, request, stats };
}

const message = (json: JsonObject): Outcome => ({ kind: 'message', message: fromJson(RateLimitResponseSchema, json) });
const ok = message({ overallCode: 'OK' });
const over = message({ overallCode: 'OVER_LIMIT', dynamicMetadata: { why: 'many' } });
const failed: Outcome = { kind: 'status', status: { code: 14, message: 'nobody' } };
const closed: Refusal = { delay: 0, details: '' };

test.each<
  [name: string, config: JsonObject, outcome: Outcome, shares: Record<string, number>, wants: Refusal | null, object]
>([
  ['within the limit', {}, ok, {}, null, { total: 1, ok: 1, active: 0 }],
  ['over it', {}, over, {}, closed, { over_limit: 1, cx_closed: 1 }],
  ['over it, not enforced', {}, over, { 'ratelimit.tcp_filter_enforcing': 0.4 }, null, { over_limit: 1, cx_closed: 0 }],
  ['not asked', {}, over, { 'ratelimit.tcp_filter_enabled': 0.4 }, null, { total: 0, over_limit: 0 }],
  ['no answer', {}, failed, {}, null, { error: 1, failure_mode_allowed: 1, cx_closed: 0 }],
  ['no answer, which denies', { failure_mode_deny: true }, failed, {}, closed, { error: 1, cx_closed: 1 }],
])('%s', (_name, config, outcome, shares, wants, counted) => {
  const { refusal, stats } = ask(config, outcome, shares);
  expect(refusal).toEqual(wants);
  expect(stats).toMatchObject(counted);
});

test('what is told, and what the service notes', () => {
  const { record, request } = ask({}, over);
  expect(request).toMatchObject({
    domain: 'd',
    descriptors: [{ entries: [entry('k', 'v'), entry('ip', '10.1.2.3')] }],
  });
  expect(record.metadata?.get('envoy.filters.network.ratelimit')).toEqual({ why: 'many' });
});

test.each<[config: JsonObject, reason: string]>([
  [{ stat_prefix: '' }, 'f.stat_prefix: is empty'],
  [{ domain: '' }, 'f.domain: is empty'],
  [{ descriptors: [] }, 'f.descriptors: is empty'],
  [{ descriptors: [{}] }, 'f.descriptors[0].entries: is empty'],
  [{ descriptors: [{ entries: [entry('', 'v')] }] }, 'f.descriptors[0].entries[0].key: is empty'],
  [{ descriptors: [{ entries: [entry('k', '')] }] }, 'f.descriptors[0].entries[0].value: is empty'],
  [{ descriptors: [{ entries: [entry('k', '%NOPE%')] }] }, 'f.descriptors[0].entries[0].value'],
  [
    { rate_limit_service: { transport_api_version: 'V3' } },
    'f.rate_limit_service.grpc_service.envoy_grpc: is required',
  ],
])('refuses %j', (config, reason) => {
  expect(() => compile(config)).toThrow(reason);
});
