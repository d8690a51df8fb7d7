import { createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { FilterConfigSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { decoders } from '../config/decoders.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { type RequestInit, requestHead, testExchange } from '../testing/exchange.ts';
import { entryFor, forwardOf, routed, table } from '../testing/routes.ts';
import type { ForwardAction, RouteEntry } from './table.ts';

describe('virtual hosts', () => {
  const host = (name: string, ...domains: string[]) => ({
    name,
    domains,
    routes: [{ match: { prefix: '/' }, route: { cluster: name } }],
  });
  const hosts = {
    virtual_hosts: [
      host('exact', 'a.example', 'A2.example:8080', '[::1]:80'),
      host('short suffix', '*.example'),
      host('long suffix', '*.b.example', '*-c.b.example'),
      host('prefix', 'foo.*', 'foo.bar*'),
      host('any', '*'),
    ],
  };
  test.each<[authority: string, plain: string, ignoringPort: string]>([
    ['a.example', 'exact', 'exact'],
    ['A.Example', 'exact', 'exact'],
    ['a.example:80', 'any', 'exact'],
    ['a2.example:8080', 'exact', 'short suffix'],
    ['[::1]:80', 'exact', 'any'],
    ['x.example', 'short suffix', 'short suffix'],
    ['x.b.example', 'long suffix', 'long suffix'],
    ['b.example', 'short suffix', 'short suffix'],
    ['.example', 'any', 'any'],
    ['foo.x', 'prefix', 'prefix'],
    ['foo.x.example', 'short suffix', 'short suffix'],
    ['foo.', 'any', 'any'],
    ['', 'any', 'any'],
  ])('%s', (authority, plain, ignoringPort) => {
    expect(entryFor(table(hosts), { authority }).virtualHost).toBe(plain);
    expect(entryFor(table({ ...hosts, ignore_port_in_host_matching: true }), { authority }).virtualHost).toBe(
      ignoringPort,
    );
  });

  test.each<[headers: string[], wants: string | null]>([
    [['x-site', 'A.example'], 'exact'],
    [['x-site', 'x.example', 'x-site', 'a.example'], 'short suffix'],
    [['x-site', ''], 'any'],
    [[], null],
  ])('by a header in place of the authority: %j', (headers, wants) => {
    const routes = table({ ...hosts, vhost_header: 'X-Site' });
    const entry = routes.match(requestHead({ authority: 'a.example', headers }), null, () => 0);
    expect(entry?.virtualHost ?? null).toBe(wants);
    const one = table({ virtual_hosts: [host('any', '*')], vhost_header: 'X-Site' });
    expect(entryFor(one, { headers }).virtualHost).toBe('any');
  });

  test('no virtual host, no route, CONNECT: null', () => {
    const routes = table({ virtual_hosts: [host('a', 'a.example')] });
    expect(routes.match(requestHead({ authority: 'b.example' }), null, () => 0)).toBe(null);
    expect(routes.match(requestHead({ authority: 'a.example', path: '' }), null, () => 0)).toBe(null);
    expect(routes.match(requestHead({ authority: 'a.example', path: '*' }), null, () => 0)).toBe(null);
  });

  test('the first route that matches is taken', () => {
    const routes = ['/a/b', '/a', '/'].map((prefix) => ({ name: prefix, match: { prefix }, route: { cluster: 'c' } }));
    const paths = table({ virtual_hosts: [{ name: 'h', domains: ['*'], routes }] });
    expect(['/a/b/c', '/a?x', '/x'].map((path) => entryFor(paths, { path }).name)).toEqual(['/a/b', '/a', '/']);
  });
});

describe('clusters', () => {
  const pick = (action: JsonObject, random: number, request: RequestInit = {}) =>
    forwardOf({ route: action }).pickCluster(requestHead(request), random).cluster;

  test.each([
    [0, 'a'],
    [0.0999, 'a'],
    [0.1, 'b'],
    [0.9999999999999999, 'b'],
  ])('by weight at %d', (random, wants) => {
    const clusters = [
      { name: 'a', weight: 1 },
      { name: 'b', weight: 9 },
      { name: 'none', weight: 0 },
    ];
    expect(pick({ weighted_clusters: { clusters } }, random)).toBe(wants);
  });

  test('weights have a limit', () => {
    const clusters = [
      { name: 'a', weight: 0xffff_ffff },
      { name: 'b', weight: 1 },
    ];
    expect(() => pick({ weighted_clusters: { clusters } }, 0)).toThrow('add up to more than 4294967295');
  });

  test('by the hash of the route', () => {
    const clusters = ['a', 'b', 'c'].map((name) => ({ name, weight: 0x3fff_ffff }));
    const hash_policy: JsonObject[] = [{ header: { header_name: 'x' } }, { cookie: { name: 'k', ttl: '9s' } }];
    const action = forwardOf({ route: { weighted_clusters: { clusters, use_hash_policy: true }, hash_policy } });
    const chosen = (random: number, ...headers: string[]) => {
      const exchange = testExchange({ headers });
      const { cluster } = action.pickCluster(exchange.request, random, { exchange, runtime: noRuntime });
      expect(exchange.affinityCookies).toBe(null);
      return cluster;
    };
    expect([0, 0.9].map((random) => chosen(random, 'x', '1'))).toEqual(['b', 'b']);
    expect([0, 0.9].map((random) => chosen(random))).toEqual(['a', 'c']);
  });

  test('by header', () => {
    expect(pick({ cluster_header: 'X-C' }, 0, { headers: ['x-c', 'there'] })).toBe('there');
    expect(pick({ cluster_header: 'X-C' }, 0)).toBe('');
  });
});

test('a direct response', () => {
  const { action } = entryFor(routed({ action: 1, direct_response: { status: 418, body: { inline_string: 'tea' } } }));
  expect(action).toEqual({ kind: 'respond', status: 418, body: 'tea' });
});

describe('limits of a route', () => {
  test.each<[name: string, route: JsonObject, wants: Partial<ForwardAction>]>([
    ['defaults', {}, { timeout: 15_000, idleTimeout: null, retry: null, mirrors: [], clusterNotFoundStatus: 503 }],
    ['no timeout', { timeout: '0s' }, { timeout: 0 }],
    ['timeouts', { timeout: '1.5s', idle_timeout: '2s' }, { timeout: 1500, idleTimeout: 2000 }],
    ['not found is 404', { cluster_not_found_response_code: 'NOT_FOUND' }, { clusterNotFoundStatus: 404 }],
    ['not found is 500', { cluster_not_found_response_code: 'INTERNAL_SERVER_ERROR' }, { clusterNotFoundStatus: 500 }],
    [
      'mirrors',
      {
        request_mirror_policies: [
          { cluster: 'm' },
          { cluster: 'n', runtime_fraction: { default_value: { numerator: 5, denominator: 'TEN_THOUSAND' } } },
        ],
      },
      { mirrors: [expect.objectContaining({ edits: [] }), expect.objectContaining({ edits: [] })] },
    ],
  ])('%s', (_name, action, wants) => {
    expect(forwardOf({ route: { cluster: 'c', ...action } })).toMatchObject(wants);
  });

  test('mirrors and retries come from above when the route has none', () => {
    const more = {
      host: { retry_policy: { retry_on: 'reset', num_retries: 7 }, request_mirror_policies: [{ cluster: 'host' }] },
      config: { request_mirror_policies: [{ cluster: 'config' }] },
    };
    const inherited = forwardOf({}, more);
    expect(inherited.retry?.retries).toBe(7);
    expect(inherited.mirrors.map(({ clusterFor }) => clusterFor(requestHead()))).toEqual(['host']);
    const own = {
      route: { cluster: 'c', retry_policy: { retry_on: '5xx' }, request_mirror_policies: [{ cluster: 'own' }] },
    };
    const forwarding = forwardOf(own, more);
    expect(forwarding.retry?.retries).toBe(1);
    expect(forwarding.mirrors.map(({ clusterFor }) => clusterFor(requestHead()))).toEqual(['own']);
  });
});

test('per-route filters: the most specific level wins, null is off', () => {
  const off = { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true };
  const routes = routedWithFilters({ a: off }, { a: off, b: off });
  expect([...routes.filters]).toEqual([
    ['a', null],
    ['b', null],
  ]);
});

function routedWithFilters(route: JsonObject, host: JsonObject): RouteEntry {
  const message = fromJson(
    RouteConfigurationSchema,
    {
      virtual_hosts: [
        {
          name: 'h',
          domains: ['*'],
          typed_per_filter_config: host,
          routes: [{ match: { prefix: '/' }, route: { cluster: 'c' }, typed_per_filter_config: route }],
        },
      ],
    },
    { registry: createRegistry(FilterConfigSchema) },
  );
  return entryFor(decoders.decodeRoutes(message));
}

test.each<[action: JsonObject, wants: number | null]>([
  [{ internal_redirect_action: 'HANDLE_INTERNAL_REDIRECT' }, 1],
  [{ internal_redirect_action: 'HANDLE_INTERNAL_REDIRECT', max_internal_redirects: 3 }, 3],
  [{ max_internal_redirects: 3 }, null],
  [{ internal_redirect_policy: { max_internal_redirects: 2 }, max_internal_redirects: 3 }, 2],
])('redirects that are followed, in older fields: %j', (action, wants) => {
  expect(forwardOf({ route: { cluster: 'c', ...action } }).internalRedirect?.limit ?? null).toBe(wants);
});

describe('refused', () => {
  const route = (change: JsonObject) => ({
    virtual_hosts: [
      { name: 'h', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'c' }, ...change }] },
    ],
  });
  const action = (change: JsonObject) => route({ route: { cluster: 'c', ...change } });
  const here = 'virtual_hosts[0].routes[0]';
  test.each<[config: JsonObject, wants: string]>([
    [{ vhds: {} }, 'vhds.config_source: is required'],
    [
      { vhds: { config_source: { path_config_source: { path: '/x' } } } },
      'vhds.config_source: must be ads, or api_config_source of api_type DELTA_GRPC',
    ],
    [
      {
        vhds: {
          config_source: {
            api_config_source: { api_type: 'GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'x' } }] },
          },
        },
      },
      'vhds.config_source: must be ads, or api_config_source of api_type DELTA_GRPC',
    ],
    [{ virtual_hosts: [{ domains: ['*'] }] }, 'virtual_hosts[0].name: is empty'],
    [{ virtual_hosts: [{ name: 'h' }] }, 'virtual_hosts[0].domains: is empty'],
    [
      {
        virtual_hosts: [
          { name: 'h', domains: ['a'] },
          { name: 'i', domains: ['b', 'A'] },
        ],
      },
      'virtual_hosts[1].domains[1]: A is the domain of another virtual host already',
    ],
    [
      { virtual_hosts: [{ name: 'h', domains: ['*'], matcher: { on_no_match: { keep_matching: true } } }] },
      'virtual_hosts[0].matcher.on_no_match.keep_matching: is not supported',
    ],
    [
      {
        virtual_hosts: [{ name: 'h', domains: ['*'], matcher: {}, routes: [{ match: { prefix: '/' }, redirect: {} }] }],
      },
      'virtual_hosts[0].matcher: is set beside routes',
    ],
    [route({ match: { safe_regex: { regex: '(' } } }), `${here}.match.safe_regex.regex: `],
    [route({ match: { prefix: '/', headers: [{ name: 'a' }, {}] } }), `${here}.match.headers[1].name: is empty`],
    [action({ rate_limits: [{}] }), `${here}.route.rate_limits[0].actions: is empty`],
    [
      action({ prefix_rewrite: '/a', regex_rewrite: { pattern: { regex: 'a' } } }),
      `${here}.route: has more than one of`,
    ],
    [
      action({ regex_rewrite: { pattern: { regex: 'a' }, substitution: '\\1' } }),
      `${here}.route.regex_rewrite.substitution: `,
    ],
    [action({ timeout: '-1s' }), `${here}.route.timeout: is negative`],
    [
      action({ retry_policy: { retry_on: '5xx,nonsense' } }),
      `${here}.route.retry_policy.retry_on: nonsense is not known`,
    ],
    [
      action({ retry_policy: { retry_priority: { name: 'x' } } }),
      `${here}.route.retry_policy.retry_priority.typed_config: is required`,
    ],
    [
      action({ retry_policy: { retry_back_off: {} } }),
      `${here}.route.retry_policy.retry_back_off.base_interval: is required`,
    ],
    [
      route({ route: { weighted_clusters: { clusters: [{ name: 'a' }] } } }),
      `${here}.route.weighted_clusters.clusters: weights add up to 0`,
    ],
    [route({ route: {} }), `${here}.route: has no cluster`],
    [
      route({ request_headers_to_add: [{ header: { key: ':path', value: 'x' } }] }),
      `${here}.request_headers_to_add[0].header.key: `,
    ],
    [
      route({ request_headers_to_add: [{ header: { key: 'a', value: '%NO%' } }] }),
      `${here}.request_headers_to_add[0].header.value: %NO% is not supported`,
    ],
    [
      route({ request_headers_to_add: [{ header: { key: 'a', value: '5%' } }] }),
      `${here}.request_headers_to_add[0].header.value: no operator at "%"`,
    ],
    [route({ response_headers_to_remove: ['a b'] }), `${here}.response_headers_to_remove[0]: is not a header name`],
  ])('%j', (config, wants) => {
    expect(() => table(config)).toThrow(wants);
  });
});

test.each([
  [{}, null],
  [{ trace_sampled: true }, true],
  [{ trace_sampled: false }, false],
])('copies with %j are recorded: %j', (policy, wants) => {
  const { mirrors } = forwardOf({ route: { cluster: 'c', request_mirror_policies: [{ cluster: 'm', ...policy }] } });
  expect(mirrors[0]!.sampled).toBe(wants);
});

test('the runtime has the last word about shares', () => {
  const runtime_fraction = { default_value: { numerator: 0 }, runtime_key: 'taken' };
  const { match } = routed({ match: { prefix: '/', runtime_fraction } });
  const matches = (share: number | undefined) =>
    match(requestHead(), null, () => 0.4, { ...noRuntime, share: (key) => (key === 'taken' ? share : undefined) }) !==
    null;
  expect([undefined, 0.4, 0.5].map(matches)).toEqual([false, false, true]);
});

test.each<[policy: JsonObject, wants: readonly string[]]>([
  [{}, ['shop.example-shadow', 'shop.example-shadow:80', '[::1]-shadow:80']],
  [{ disable_shadow_host_suffix_append: true }, ['shop.example', 'shop.example:80', '[::1]:80']],
  [{ host_rewrite_literal: 'copy.test' }, ['copy.test', 'copy.test', 'copy.test']],
])('the host of a copy: %j', (policy, wants) => {
  const { mirrors } = forwardOf({ route: { cluster: 'c', request_mirror_policies: [{ cluster: 'm', ...policy }] } });
  expect(['shop.example', 'shop.example:80', '[::1]:80'].map((host) => mirrors[0]!.rename(host))).toEqual(wants);
});
