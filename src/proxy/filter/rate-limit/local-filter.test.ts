import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { maskAddress } from '../../../lib/cidr.ts';
import { ManualClock } from '../../../lib/manual-clock.ts';
import { TokenBucket } from '../../../lib/token-bucket.ts';
import { LocalRateLimitSchema } from '../../../xds/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts';
import { testExchange } from '../../testing/exchange.ts';
import { testScope } from '../../testing/scope.ts';
import type { FilterStream } from '../filter.ts';
import { localRateLimit } from './local-filter.ts';

const on = { default_value: { numerator: 100 } };
const bucket = { max_tokens: 2, tokens_per_fill: 1, fill_interval: '1s' };
const compile = (config: JsonObject) => {
  const json = { stat_prefix: 's', filter_enabled: on, filter_enforced: on, ...config };
  return localRateLimit.chain.compile(anyPack(LocalRateLimitSchema, fromJson(LocalRateLimitSchema, json)), 'l', 'f')!;
};

describe('TokenBucket', () => {
  test('fills bit by bit, and never above its brim', () => {
    const tokens = new TokenBucket({ capacity: 2, rate: 0.001 }, 0);
    expect([tokens.take(0), tokens.take(0), tokens.take(0)]).toEqual([true, true, false]);
    expect([tokens.take(999), Math.round(tokens.nextToken(999))]).toEqual([false, 1]);
    expect([tokens.take(1_001), tokens.remaining(10_000)]).toEqual([true, 2]);
  });

  test.each([
    ['its share', 4, [true, true, false]],
    ['one at least', 1, [true, false, false]],
  ])('of several holds %s, and fills as much slower', (_name, capacity, taken) => {
    const tokens = new TokenBucket({ capacity, rate: 0.001 }, 0, 2);
    expect([tokens.take(0), tokens.take(0), tokens.take(0)]).toEqual(taken);
    expect([tokens.take(1_999), tokens.take(2_001), tokens.take(2_001)]).toEqual([false, true, false]);
  });
});

test('refused requests pass again when the bucket has filled', () => {
  const clock = new ManualClock();
  const scope = testScope({ clock });
  const filter = compile({ token_bucket: bucket });
  const ask = () => {
    const exchange = testExchange();
    return filter.open!(exchange, scope, {} as FilterStream)!.request!.head!(exchange.request, true);
  };
  expect([ask(), ask()]).toEqual([undefined, undefined]);
  expect(ask()).toMatchObject({ status: 429, body: 'local_rate_limited' });
  clock.advance(1_000);
  expect(ask()).toBe(undefined);
  expect(scope.stats('s.http_local_rate_limit', () => ({}))).toEqual({
    enabled: 4,
    enforced: 1,
    rate_limited: 1,
    ok: 3,
    shadow_mode: 0,
  });
});

test('a kind that stands for any value has a bucket for each, and forgets the one that was not used longest', () => {
  const scope = testScope();
  const filter = compile({
    token_bucket: { ...bucket, max_tokens: 100 },
    descriptors: [{ entries: [{ key: 'user' }], token_bucket: { ...bucket, max_tokens: 1 } }],
    max_dynamic_descriptors: 2,
    rate_limits: [{ actions: [{ request_headers: { header_name: 'x-user', descriptor_key: 'user' } }] }],
  });
  const ask = (user: string) => {
    const exchange = testExchange({ headers: ['x-user', user] });
    const reply = filter.open!(exchange, scope, {} as FilterStream)!.request!.head!(exchange.request, true);
    return reply === undefined ? 'ok' : 'refused';
  };
  expect(['ann', 'ann', 'bob', 'bob', 'ann', 'cat', 'bob'].map(ask)).toEqual([
    ...['ok', 'refused', 'ok', 'refused', 'refused', 'ok', 'ok'],
  ]);
});

test.each<[JsonObject, string]>([
  [{ stat_prefix: '' }, 'f.stat_prefix: is empty'],
  [{ token_bucket: { ...bucket, fill_interval: '0.01s' } }, 'f.token_bucket.fill_interval: must be at least 50 ms'],
  [{ token_bucket: { ...bucket, max_tokens: 0 } }, 'f.token_bucket.max_tokens: must be more than 0'],
  [{ stage: 11 }, 'f.stage: must be at most 10'],
  [{ descriptors: [{ entries: [{ value: 'v' }], token_bucket: bucket }] }, 'f.descriptors[0].entries[0].key: is empty'],
  [{ max_dynamic_descriptors: 0 }, 'f.max_dynamic_descriptors: must be more than 0'],
  [{ rate_limits: [{ actions: [{ extension: { name: 'x' } }] }] }, 'extension.typed_config: is required'],
  [
    { rate_limits: [{ actions: [{ remote_address_match: { descriptor_value: 'v' } }] }] },
    'f.rate_limits[0].actions[0].remote_address_match.address_matcher.ranges: is empty',
  ],
  [
    {
      rate_limits: [{ actions: [{ generic_key: { descriptor_value: 'v' } }], hits_addend: { number: 2_000_000_000 } }],
    },
    'f.rate_limits[0].hits_addend.number: must be at most 1000000000',
  ],
])('%j is refused', (config, wants) => {
  expect(() => compile(config)).toThrow(wants);
});

test.each([
  ['10.1.2.3', 8, '10.0.0.0'],
  ['10.1.2.3', 32, '10.1.2.3'],
  ['10.1.2.3', 0, '0.0.0.0'],
  ['::ffff:10.1.2.3', 16, '10.1.0.0'],
  ['2001:db8:1:2::5', 48, '2001:db8:1::'],
  ['2001:db8:ffff::', 33, '2001:db8:8000::'],
])('%s masked to %i bits', (address, bits, wants) => {
  expect(maskAddress(address, bits)).toBe(wants);
});
