import { fromJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RateLimitSchema } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { noRuntime } from '../../config/runtime-keys.ts';
import { testExchange } from '../../testing/exchange.ts';
import { testScope } from '../../testing/scope.ts';
import { describe, type Moment } from './route-limits.ts';
import { compileRules } from './rule.ts';

const rule = (disable_key: string) => ({ disable_key, actions: [{ generic_key: { descriptor_value: disable_key } }] });
const rules = compileRules(
  ['x', 'off', 'half'].map((key) => fromJson(RateLimitSchema, rule(key))),
  'rate_limits',
);
const SHARES: Readonly<Record<string, number>> = {
  'ratelimit.off.http_filter_enabled': 0,
  'ratelimit.half.http_filter_enabled': 0.5,
};

test.each<[moment: Moment | null, random: number, wants: string[]]>([
  ['request', 0.4, ['x', 'half']],
  ['request', 0.6, ['x']],
  ['end', 0.4, []],
  [null, 0.4, []],
])('rules that the runtime may switch off: %s at %d', (moment, random, wants) => {
  const scope = testScope({ random: () => random, runtime: { ...noRuntime, share: (key) => SHARES[key] } });
  const found = describe(rules, testExchange(), 0, scope, moment);
  expect(found.map(({ entries }) => entries[0]!.value)).toEqual(wants);
});
