import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { testExchange } from '../testing/exchange.ts';
import { entryFor, forwardOf, routed } from '../testing/routes.ts';

describe('rewrites', () => {
  test.each<[name: string, match: JsonObject, action: JsonObject, path: string, wants: string]>([
    ['prefix', { prefix: '/a' }, { prefix_rewrite: '/b' }, '/a/c?q', '/b/c?q'],
    ['prefix to root doubles the slash, as Envoy', { prefix: '/a' }, { prefix_rewrite: '/' }, '/a/c', '//c'],
    ['whole path', { path: '/a' }, { prefix_rewrite: '/b' }, '/a?q', '/b?q'],
    ['separated prefix', { path_separated_prefix: '/a' }, { prefix_rewrite: '/b' }, '/a', '/b'],
    ['prefix without case', { prefix: '/A', case_sensitive: false }, { prefix_rewrite: '/b' }, '/a/c', '/b/c'],
    [
      'prefix on a regex match replaces the path',
      { safe_regex: { regex: '/x.*' } },
      { prefix_rewrite: '/b' },
      '/xy?q',
      '/b?q',
    ],
    [
      'regex',
      { prefix: '/' },
      { regex_rewrite: { pattern: { regex: '^/service/([^/]+)(/.*)$' }, substitution: '\\2/instance/\\1' } },
      '/service/foo/v1/api?x=/service/',
      '/v1/api/instance/foo?x=/service/',
    ],
    ['format', { prefix: '/' }, { path_rewrite: '/%REQ(x-tenant)%/new' }, '/old?q', '/t1/new?q'],
    ['format that is empty', { prefix: '/' }, { path_rewrite: '%REQ(x-none)%' }, '/old?q', '/old?q'],
  ])('%s', (_name, match, action, path, wants) => {
    const exchange = testExchange({ path, headers: ['x-tenant', 't1'] });
    const { action: compiled } = entryFor(routed({ match, route: { cluster: 'c', ...action } }), { path });
    if (compiled.kind === 'forward') compiled.rewrite(exchange, false);
    expect(exchange.request.path).toBe(wants);
  });

  test.each<[JsonObject, wants: string]>([
    [{ host_rewrite_literal: 'new.example' }, 'new.example'],
    [{ host_rewrite_header: 'x-host' }, 'from-header.example'],
    [{ host_rewrite_header: 'x-none' }, 'shop.example'],
    [{ host_rewrite_path_regex: { pattern: { regex: '^/(.+)/.+$' }, substitution: '\\1' } }, 'first'],
    [{ host_rewrite: '%REQ(x-none)%.%REQ(x-host)%' }, '-.from-header.example'],
  ])('host: %j', (action, wants) => {
    const exchange = testExchange({ path: '/first/second?x', headers: ['x-host', 'from-header.example'] });
    const head = exchange.request;
    forwardOf({ route: { cluster: 'c', append_x_forwarded_host: true, ...action } }).rewrite(exchange, false);
    expect(head.authority).toBe(wants);
    expect(head.headers.get('x-forwarded-host')).toBe(wants === 'shop.example' ? undefined : 'shop.example');
  });

  test('host of a weighted cluster', () => {
    const clusters = [{ name: 'a', weight: 1, host_rewrite_literal: 'a.example' }];
    const exchange = testExchange();
    forwardOf({ route: { weighted_clusters: { clusters } } })
      .pickCluster(exchange.request, 0)
      .editRequest(exchange);
    expect(exchange.request.authority).toBe('a.example');
    expect(exchange.request.headers.get('x-envoy-original-host')).toBe(undefined);
  });
});
