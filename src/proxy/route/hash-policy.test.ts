import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import { type RequestInit, testExchange } from '../testing/exchange.ts';
import { entryFor, forwardOf, routed } from '../testing/routes.ts';

describe('hash', () => {
  const hashOf = (hash_policy: JsonObject[], request: RequestInit = {}) => {
    const exchange = testExchange(request);
    return forwardOf({ route: { cluster: 'c', hash_policy } }).hash?.(exchange.request, exchange) ?? null;
  };
  const header = { header: { header_name: 'x' } };

  test.each<[name: string, policies: JsonObject[], one: RequestInit, other: RequestInit]>([
    ['header', [header], { headers: ['x', '1'] }, { headers: ['x', '2'] }],
    ['query', [{ query_parameter: { name: 'q' } }], { path: '/?q=1' }, { path: '/?q=2' }],
    ['cookie', [{ cookie: { name: 'k' } }], { headers: ['cookie', 'k=1'] }, { headers: ['cookie', 'k=2'] }],
    [
      'two combine',
      [header, { header: { header_name: 'y' } }],
      { headers: ['x', '1', 'y', '1'] },
      { headers: ['x', '1', 'y', '2'] },
    ],
  ])('%s', (_name, policies, one, other) => {
    expect(hashOf(policies, one)).toEqual(hashOf(policies, one));
    expect(hashOf(policies, one)).not.toEqual(hashOf(policies, other));
  });

  test('of a header that is repeated all values count, in whatever order', () => {
    const both = hashOf([header], { headers: ['x', '1', 'x', '2'] });
    expect(both).toEqual(hashOf([header], { headers: ['x', '2', 'x', '1'] }));
    expect(both).not.toEqual(hashOf([header], { headers: ['x', '1'] }));
    expect(both).not.toEqual(hashOf([header], { headers: ['x', '1,2'] }));
  });

  test('nothing to hash is null, the address always is there', () => {
    expect(hashOf([])).toBe(null);
    expect(hashOf([header])).toBe(null);
    expect(hashOf([{ cookie: { name: 'k' } }], { headers: ['cookie', 'k='] })).toBe(null);
    expect(hashOf([{ connection_properties: { source_ip: true } }])).not.toBe(null);
  });

  test('a terminal policy that found something ends it', () => {
    const request = { headers: ['x', '1'] };
    const policies: JsonObject[] = [{ ...header, terminal: true }, { connection_properties: { source_ip: true } }];
    expect(hashOf(policies, request)).toEqual(hashOf([header], request));
    expect(hashOf(policies)).toEqual(hashOf([{ connection_properties: { source_ip: true } }]));
  });

  test('a cookie with a ttl is given to who has none, and hashes the same afterwards', () => {
    const hash_policy = [{ cookie: { name: 'k', ttl: '60s', path: '/p' } }];
    const routes = routed({ route: { cluster: 'c', hash_policy } });
    const exchange = testExchange();
    exchange.endpoint = {} as never;
    forwardOf({ route: { cluster: 'c', hash_policy } }).hash?.(exchange.request, exchange);
    const head = { status: 200, headers: new HeaderMap() };
    entryFor(routes).editResponse(exchange, head);
    const [, value] = /^k="(\w+)"; Max-Age=60; Path=\/p; HttpOnly$/.exec(head.headers.get('set-cookie')!)!;
    expect(hashOf(hash_policy, { headers: ['cookie', `k=${value}`] })).toEqual(hashOf(hash_policy));
    const again = { status: 200, headers: new HeaderMap() };
    const returning = testExchange({ headers: ['cookie', `k=${value}`] });
    returning.endpoint = {} as never;
    forwardOf({ route: { cluster: 'c', hash_policy } }).hash?.(returning.request, returning);
    entryFor(routes).editResponse(returning, again);
    expect(again.headers.size).toBe(0);
  });
});
