import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RouteMatch_TlsContextMatchOptionsSchema } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { FilterStateMatcherSchema } from '../../../xds/gen/envoy/type/matcher/v3/filter_state_pb.ts';
import { peerTls, testExchange } from '../../testing/exchange.ts';
import { compileFilterState, compileTlsContext } from './connection-matcher.ts';

test.each<[options: object, plain: boolean, anonymous: boolean, shown: boolean]>([
  [{}, true, true, true],
  [{ presented: true }, false, false, true],
  [{ presented: false }, true, true, false],
  [{ validated: true }, false, false, true],
  [{ presented: true, validated: false }, false, false, false],
])('TLS: %j', (options, plain, anonymous, shown) => {
  const matches = compileTlsContext(create(RouteMatch_TlsContextMatchOptionsSchema, options));
  const over = (certificate: Buffer | null) => testExchange({}, { tls: peerTls({ certificate }) });
  expect([null, testExchange()].map(matches)).toEqual([plain, plain]);
  expect([over(null), over(Buffer.alloc(1))].map(matches)).toEqual([anonymous, shown]);
});

test('filter state', () => {
  const matcher = { case: 'stringMatch', value: { matchPattern: { case: 'prefix', value: 'a' } } } as const;
  const matches = compileFilterState(create(FilterStateMatcherSchema, { key: 'k', matcher }), 's');
  const exchange = testExchange();
  expect([matches(null), matches(exchange)]).toEqual([false, false]);
  exchange.filterState = new Map([['k', 'abc']]);
  expect(matches(exchange)).toBe(true);
  exchange.filterState = new Map([['k', 'cab']]);
  expect(matches(exchange)).toBe(false);
});

test('filter state without a string', () => {
  expect(() => compileFilterState(create(FilterStateMatcherSchema, { key: 'k' }), 's')).toThrow(
    's: has no string_match',
  );
});
