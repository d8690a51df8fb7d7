// Network filters as a resource gives them: what is refused when they are compiled, and who is admitted.
import { type DescMessage, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { SharedTallies, type Tally } from '../../lib/shared-tallies.ts';
import { types } from '../../xds/descriptors/types.ts';
import { ConnectionLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { LocalRateLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { RBACSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { ConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { SniClusterSchema } from '../../xds/gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { testExchange } from '../testing/exchange.ts';
import type { Admitting } from './filter.ts';
import { compileNetworkFilter } from './registry.ts';

function compile(schema: DescMessage, json: JsonObject) {
  const value = toBinary(schema, fromJson(schema, json, { registry: types }));
  const any = { $typeName: 'google.protobuf.Any' as const, typeUrl: `type.googleapis.com/${schema.typeName}`, value };
  return compileNetworkFilter(any, 'filter', 'f');
}

function start(schema: DescMessage, json: JsonObject, { workers = 1, tally = null as Tally | null } = {}) {
  const clock = new ManualClock();
  const counters = new Map<string, object>();
  const running = compile(schema, json).start({
    clock,
    random: () => 0,
    client: null as never,
    runtime: noRuntime,
    workers,
    tally: () => tally,
    stats(name, make) {
      const stats = make();
      counters.set(name, stats);
      return stats;
    },
  }) as Admitting;
  return { clock, counters, running };
}

const from = (prefix: string) => ({
  policies: {
    p: {
      permissions: [{ any: true }],
      principals: [{ direct_remote_ip: { address_prefix: prefix, prefix_len: 8 } }],
    },
  },
});

/** Whom a matcher allows: who has this value. */
const byMatcher = (type: string, fields: JsonObject, value: string): JsonObject => ({
  matcher_tree: {
    input: { name: 'i', typed_config: { '@type': type, ...fields } },
    exact_match_map: {
      map: {
        [value]: {
          action: {
            name: 'a',
            typed_config: { '@type': 'type.googleapis.com/envoy.config.rbac.v3.Action', name: 'p', action: 'ALLOW' },
          },
        },
      },
    },
  },
});
const INPUT = 'type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3';

describe('rbac', () => {
  const cases: readonly (readonly [string, JsonObject, string | null, object])[] = [
    ['allowed', { rules: from('10.0.0.0') }, null, { allowed: 1, denied: 0 }],
    ['not allowed', { rules: from('11.0.0.0') }, 'rbac_access_denied_matched_policy[none]', { allowed: 0, denied: 1 }],
    [
      'denied by name',
      { rules: { action: 'DENY', ...from('10.0.0.0') } },
      'rbac_access_denied_matched_policy[p]',
      { denied: 1 },
    ],
    ['allowed by a matcher', { matcher: byMatcher(`${INPUT}.SourceIPInput`, {}, '10.1.2.3') }, null, { allowed: 1 }],
    [
      'not allowed by a matcher',
      { matcher: byMatcher(`${INPUT}.SourceIPInput`, {}, '10.1.2.4') },
      'rbac_access_denied_matched_policy[none]',
      { denied: 1 },
    ],
    [
      'only in the shadow, by a matcher',
      { shadow_matcher: byMatcher(`${INPUT}.ServerNameInput`, {}, 'other') },
      null,
      { shadow_denied: 1 },
    ],
    ['only in the shadow', { shadow_rules: from('11.0.0.0') }, null, { allowed: 0, shadow_denied: 1 }],
    [
      'a header is never there',
      {
        rules: {
          policies: {
            p: { permissions: [{ header: { name: 'a', present_match: true } }], principals: [{ any: true }] },
          },
        },
      },
      'rbac_access_denied_matched_policy[none]',
      { denied: 1 },
    ],
  ];
  test.each(cases)('%s', (_name, rules, details, counted) => {
    const { counters, running } = start(RBACSchema, { stat_prefix: 'tcp.', ...rules });
    expect(running.admit(testExchange())?.details ?? null).toBe(details);
    expect(counters.get('tcp.rbac')).toMatchObject(counted);
  });

  test('what the shadow says may have a prefix', () => {
    const json = { stat_prefix: 's', shadow_rules: from('11.0.0.0'), shadow_rules_stat_prefix: 'dry' };
    const { counters, running } = start(RBACSchema, json);
    const record = testExchange();
    expect(running.admit(record)).toBe(null);
    expect(counters.get('s.rbac.dry')).toEqual({ shadow_allowed: 0, shadow_denied: 1 });
    expect(record.metadata?.get('envoy.filters.network.rbac')).toEqual({ dryshadow_engine_result: 'denied' });
  });

  test('a refusal may wait', () => {
    const { running } = start(RBACSchema, { stat_prefix: 's', rules: {}, delay_deny: '2s' });
    expect(running.admit(testExchange())?.delay).toBe(2_000);
  });
});

test('connection_limit: so many at a time', () => {
  const { running, counters } = start(ConnectionLimitSchema, { stat_prefix: 's', max_connections: 2, delay: '1s' });
  const admitted = () => running.admit(testExchange()) === null;
  expect([admitted(), admitted(), admitted()]).toEqual([true, true, false]);
  running.leave?.();
  expect(admitted()).toBe(true);
  expect(counters.get('connection_limit.s')).toEqual({ active_connections: 2, limited_connections: 1 });
});

test('connection_limit: of all threads together', () => {
  const memory = SharedTallies.allocate(2);
  const [a, b] = [0, 1].map((thread) => {
    const tally = new SharedTallies(memory, 2, thread).of('l');
    return start(ConnectionLimitSchema, { stat_prefix: 's', max_connections: 2 }, { tally }).running;
  });
  const admitted = [a, b, a, b].map((running) => running!.admit(testExchange()) === null);
  expect(admitted).toEqual([true, true, false, false]);
  a!.leave?.();
  expect(b!.admit(testExchange())).toBeNull();
});

test('local_ratelimit: two threads share the tokens out', () => {
  const token_bucket = { max_tokens: 4, tokens_per_fill: 2, fill_interval: '1s' };
  const { running, clock } = start(LocalRateLimitSchema, { stat_prefix: 's', token_bucket }, { workers: 2 });
  const admitted = () => running.admit(testExchange()) === null;
  expect([admitted(), admitted(), admitted()]).toEqual([true, true, false]);
  clock.advance(1_000);
  expect([admitted(), admitted()]).toEqual([true, false]);
});

test('local_ratelimit: so many per interval, never more than full', () => {
  const { running, clock, counters } = start(LocalRateLimitSchema, {
    stat_prefix: 's',
    token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: '1s' },
  });
  const admitted = () => running.admit(testExchange()) === null;
  expect([admitted(), admitted(), admitted()]).toEqual([true, true, false]);
  clock.advance(1_000);
  expect([admitted(), admitted()]).toEqual([true, false]);
  clock.advance(60_000);
  expect([admitted(), admitted(), admitted()]).toEqual([true, true, false]);
  expect(counters.get('local_rate_limit.s')).toEqual({ rate_limited: 3 });
});

describe('filter state', () => {
  const cluster = (running: ReturnType<typeof start>['running'], serverName: string) => {
    const record = testExchange({}, { serverName });
    running.admit(record);
    return record.filterState?.get('envoy.tcp_proxy.cluster');
  };
  test('sni_cluster', () => {
    const { running } = start(SniClusterSchema, {});
    expect([cluster(running, 'db.example'), cluster(running, '')]).toEqual(['db.example', undefined]);
  });

  test('set_filter_state', () => {
    const value = {
      object_key: 'envoy.tcp_proxy.cluster',
      format_string: { text_format_source: { inline_string: 'to-%REQUESTED_SERVER_NAME%' } },
    };
    const { running } = start(ConfigSchema, { on_new_connection: [value] });
    expect(cluster(running, 'db')).toBe('to-db');
  });
});

const bucket = { max_tokens: 1, fill_interval: '1s' };
test.each<readonly [string, DescMessage, JsonObject, string]>([
  ['no prefix', RBACSchema, {}, 'f.stat_prefix: is empty'],
  [
    'a matcher of headers',
    RBACSchema,
    {
      stat_prefix: 's',
      matcher: byMatcher(
        'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput',
        { header_name: 'a' },
        '1',
      ),
    },
    'f.matcher.matcher_tree.input.typed_config: type envoy.type.matcher.v3.HttpRequestHeaderMatchInput is not supported',
  ],
  ['no limit', ConnectionLimitSchema, { stat_prefix: 's' }, 'f.max_connections: must be at least 1'],
  ['no bucket', LocalRateLimitSchema, { stat_prefix: 's' }, 'f.token_bucket: is required'],
  [
    'too short an interval',
    LocalRateLimitSchema,
    { stat_prefix: 's', token_bucket: { ...bucket, fill_interval: '0.01s' } },
    'f.token_bucket.fill_interval: must be at least 50 ms',
  ],
  [
    'a shared bucket',
    LocalRateLimitSchema,
    { stat_prefix: 's', token_bucket: bucket, share_key: 'k' },
    'f.share_key: is not supported',
  ],
  [
    'judging a connection again and again',
    RBACSchema,
    { stat_prefix: 's', rules: {}, enforcement_type: 'CONTINUOUS' },
    'f.enforcement_type: must be ONE_TIME_ON_FIRST_BYTE',
  ],
  [
    'an unknown object',
    ConfigSchema,
    { on_new_connection: [{ object_key: 'other', format_string: { text_format_source: { inline_string: 'x' } } }] },
    'f.on_new_connection[0].object_key: other is not supported (hint: envoy.tcp_proxy.cluster)',
  ],
])('refused: %s', (_name, schema, json, message) => {
  expect(() => compile(schema, json)).toThrow(message);
});
