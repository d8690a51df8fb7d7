import { createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { FilterConfigSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { decoders } from '../config/decoders.ts';
import { HeaderMap } from '../http/headers.ts';
import { type RequestInit, requestHead, testExchange } from '../testing/exchange.ts';
import type { ForwardAction, RouteEntry, RouteTable } from './table.ts';

const { decodeRoutes } = decoders;

function table(config: JsonObject): RouteTable {
  return decodeRoutes(fromJson(RouteConfigurationSchema, { name: 'test', ...config }));
}

/** One virtual host for everything, with one route. */
function routed(route: JsonObject, more: { host?: JsonObject; config?: JsonObject } = {}): RouteTable {
  const only = { match: { prefix: '/' }, ...(route['action'] ? {} : { route: { cluster: 'c' } }), ...route };
  delete (only as Record<string, unknown>)['action'];
  return table({ virtual_hosts: [{ name: 'all', domains: ['*'], routes: [only], ...more.host }], ...more.config });
}

function entryFor(routes: RouteTable, request: RequestInit = {}): RouteEntry {
  const entry = routes.match(requestHead(request), null, () => 0);
  if (entry === null) throw new Error('no route');
  return entry;
}

function forwardOf(route: JsonObject, more: { host?: JsonObject; config?: JsonObject } = {}): ForwardAction {
  const { action } = entryFor(routed(route, more));
  if (action.kind !== 'forward') throw new Error(action.kind);
  return action;
}

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

  test('by header', () => {
    expect(pick({ cluster_header: 'X-C' }, 0, { headers: ['x-c', 'there'] })).toBe('there');
    expect(pick({ cluster_header: 'X-C' }, 0)).toBe('');
  });
});

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
  ])('%s', (_name, match, action, path, wants) => {
    const head = requestHead({ path });
    const { action: compiled } = entryFor(routed({ match, route: { cluster: 'c', ...action } }), { path });
    if (compiled.kind === 'forward') compiled.rewrite(head);
    expect(head.path).toBe(wants);
  });

  test.each<[JsonObject, wants: string]>([
    [{ host_rewrite_literal: 'new.example' }, 'new.example'],
    [{ host_rewrite_header: 'x-host' }, 'from-header.example'],
    [{ host_rewrite_header: 'x-none' }, 'shop.example'],
    [{ host_rewrite_path_regex: { pattern: { regex: '^/(.+)/.+$' }, substitution: '\\1' } }, 'first'],
  ])('host: %j', (action, wants) => {
    const head = requestHead({ path: '/first/second?x', headers: ['x-host', 'from-header.example'] });
    forwardOf({ route: { cluster: 'c', append_x_forwarded_host: true, ...action } }).rewrite(head);
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
    expect(exchange.request.headers.get('x-envoy-original-host')).toBe('shop.example');
  });
});

describe('redirects', () => {
  test.each<[name: string, redirect: JsonObject, request: RequestInit, wants: string]>([
    ['https', { https_redirect: true }, { path: '/a?b' }, 'https://shop.example/a?b'],
    ['https drops port 80', { https_redirect: true }, { authority: 'x:80' }, 'https://x/'],
    ['https keeps another port', { https_redirect: true }, { authority: 'x:8080' }, 'https://x:8080/'],
    ['scheme', { scheme_redirect: 'HTTPS' }, {}, 'https://shop.example/'],
    ['host drops the port', { host_redirect: 'new' }, { authority: 'x:8080' }, 'http://new/'],
    ['port', { port_redirect: 8443 }, { authority: 'x:8080' }, 'http://x:8443/'],
    ['port on IPv6', { port_redirect: 8443 }, { authority: '[::1]' }, 'http://[::1]:8443/'],
    ['path keeps the query', { path_redirect: '/new' }, { path: '/old?q=1' }, 'http://shop.example/new?q=1'],
    [
      'path with its own query',
      { path_redirect: '/new?z', strip_query: true },
      { path: '/old?q=1' },
      'http://shop.example/new?z',
    ],
    [
      'path, query stripped',
      { path_redirect: '/new', strip_query: true },
      { path: '/old?q=1' },
      'http://shop.example/new',
    ],
    ['prefix', { prefix_rewrite: '/new/' }, { path: '/old?q=1' }, 'http://shop.example/new/old?q=1'],
    ['query stripped', { strip_query: true, https_redirect: true }, { path: '/old?q' }, 'https://shop.example/old'],
    [
      'regex',
      { regex_rewrite: { pattern: { regex: '^/(o)' }, substitution: '/\\1\\1' } },
      { path: '/old?q' },
      'http://shop.example/oold?q',
    ],
  ])('%s', (_name, redirect, request, wants) => {
    const { action } = entryFor(routed({ action: 1, redirect }), request);
    if (action.kind !== 'redirect') throw new Error(action.kind);
    expect(action.location(requestHead(request))).toBe(wants);
    expect(action.status).toBe(301);
  });

  test.each([
    ['FOUND', 302],
    ['SEE_OTHER', 303],
    ['TEMPORARY_REDIRECT', 307],
    ['PERMANENT_REDIRECT', 308],
  ])('%s is %d', (response_code, wants) => {
    const { action } = entryFor(routed({ action: 1, redirect: { response_code } }));
    expect(action).toMatchObject({ kind: 'redirect', status: wants });
  });
});

test('a direct response', () => {
  const { action } = entryFor(routed({ action: 1, direct_response: { status: 418, body: { inline_string: 'tea' } } }));
  expect(action).toEqual({ kind: 'respond', status: 418, body: 'tea' });
});

describe('header edits', () => {
  const add = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD', more: JsonObject = {}) => ({
    header: { key, value },
    append_action,
    ...more,
  });
  const edited = (routes: RouteTable, headers: readonly string[] = []) => {
    const exchange = testExchange({ headers });
    const entry = entryFor(routes);
    if (entry.action.kind === 'forward') entry.action.pickCluster(exchange.request, 0).editRequest(exchange);
    entry.editRequest(exchange);
    return exchange.request.headers.fields;
  };

  test.each<[name: string, options: JsonObject[], before: readonly string[], after: readonly string[]]>([
    ['append', [add('X', '2')], ['x', '1'], ['x', '1', 'x', '2']],
    ['add if absent, absent', [add('x', '2', 'ADD_IF_ABSENT')], [], ['x', '2']],
    ['add if absent, present', [add('x', '2', 'ADD_IF_ABSENT')], ['x', '1'], ['x', '1']],
    ['overwrite', [add('x', '2', 'OVERWRITE_IF_EXISTS_OR_ADD')], ['x', '1', 'x', '0'], ['x', '2']],
    ['overwrite if exists, absent', [add('x', '2', 'OVERWRITE_IF_EXISTS')], [], []],
    ['overwriting comes first', [add('x', 'a'), add('x', 'o', 'OVERWRITE_IF_EXISTS_OR_ADD')], [], ['x', 'o', 'x', 'a']],
    ['deprecated append', [{ header: { key: 'x', value: '2' }, append: false }], ['x', '1'], ['x', '2']],
    ['empty is left out', [add('x', '%REQ(none)%')], [], []],
    ['empty is kept on request', [add('x', '', 'ADD_IF_ABSENT', { keep_empty_value: true })], [], ['x', '']],
    [
      'a format',
      [add('x', '%REQ(:method)% 100%% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')],
      [],
      ['x', 'GET 100% 10.1.2.3'],
    ],
  ])('%s', (_name, request_headers_to_add, before, after) => {
    expect(edited(routed({ request_headers_to_add }), before)).toEqual(after);
  });

  test('removal comes before adding', () => {
    const routes = routed({ request_headers_to_remove: ['X'], request_headers_to_add: [add('x', 'new')] });
    expect(edited(routes, ['x', 'old'])).toEqual(['x', 'new']);
  });

  const level = (value: string) => ({
    request_headers_to_add: [add('x', value, 'OVERWRITE_IF_EXISTS_OR_ADD'), add('all', value)],
    response_headers_to_add: [add('all', value)],
  });
  const levels = (most_specific_header_mutations_wins: boolean) =>
    routed(
      {
        route: { weighted_clusters: { clusters: [{ name: 'c', weight: 1, ...level('cluster') }] } },
        ...level('route'),
      },
      { host: level('host'), config: { ...level('config'), most_specific_header_mutations_wins } },
    );
  test.each([
    [false, 'config', ['cluster', 'route', 'host', 'config']],
    [true, 'cluster', ['config', 'host', 'route', 'cluster']],
  ])('the order of levels, most specific wins: %s', (mostSpecific, winner, order) => {
    const fields = new HeaderMap([...edited(levels(mostSpecific))]);
    expect(fields.get('x')).toBe(winner);
    expect(fields.joined('all')).toBe(order.join(','));
  });

  test('of a response', () => {
    const exchange = testExchange();
    const head = { status: 200, headers: new HeaderMap(['server', 'app']) };
    const route = { response_headers_to_remove: ['server'], response_headers_to_add: [add('x', '%RESPONSE_CODE%')] };
    entryFor(routed(route)).editResponse(exchange, head);
    expect(head.headers.fields).toEqual(['x', '200']);
  });
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
      {
        mirrors: [
          { cluster: 'm', share: 1 },
          { cluster: 'n', share: 0.0005 },
        ],
      },
    ],
  ])('%s', (_name, action, wants) => {
    expect(forwardOf({ route: { cluster: 'c', ...action } })).toMatchObject(wants);
  });

  test('mirrors and retries come from above when the route has none', () => {
    const more = {
      host: { retry_policy: { retry_on: 'reset', num_retries: 7 }, request_mirror_policies: [{ cluster: 'host' }] },
      config: { request_mirror_policies: [{ cluster: 'config' }] },
    };
    expect(forwardOf({}, more)).toMatchObject({ mirrors: [{ cluster: 'host' }], retry: { retries: 7 } });
    const own = {
      route: { cluster: 'c', retry_policy: { retry_on: '5xx' }, request_mirror_policies: [{ cluster: 'own' }] },
    };
    expect(forwardOf(own, more)).toMatchObject({ mirrors: [{ cluster: 'own' }], retry: { retries: 1 } });
  });
});

describe('hash', () => {
  const hashOf = (hash_policy: JsonObject[], request: RequestInit = {}) => {
    const exchange = testExchange(request);
    return forwardOf({ route: { cluster: 'c', hash_policy } }).hash(exchange.request, exchange);
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
    expect(hashOf(policies, one)).toBe(hashOf(policies, one));
    expect(hashOf(policies, one)).not.toBe(hashOf(policies, other));
    expect(hashOf(policies, one)).toBeLessThan(2 ** 32);
  });

  test('nothing to hash is null, the address always is there', () => {
    expect(hashOf([])).toBe(null);
    expect(hashOf([header])).toBe(null);
    expect(hashOf([{ connection_properties: { source_ip: true } }])).not.toBe(null);
  });

  test('a terminal policy that found something ends it', () => {
    const request = { headers: ['x', '1'] };
    const policies: JsonObject[] = [{ ...header, terminal: true }, { connection_properties: { source_ip: true } }];
    expect(hashOf(policies, request)).toBe(hashOf([header], request));
    expect(hashOf(policies)).toBe(hashOf([{ connection_properties: { source_ip: true } }]));
  });

  test('a cookie with a ttl is given to who has none, and hashes the same afterwards', () => {
    const hash_policy = [{ cookie: { name: 'k', ttl: '60s', path: '/p' } }];
    const routes = routed({ route: { cluster: 'c', hash_policy } });
    const exchange = testExchange();
    exchange.endpoint = {} as never;
    const head = { status: 200, headers: new HeaderMap() };
    entryFor(routes).editResponse(exchange, head);
    const [, value] = /^k="(\w+)"; Max-Age=60; Path=\/p; HttpOnly$/.exec(head.headers.get('set-cookie')!)!;
    expect(hashOf(hash_policy, { headers: ['cookie', `k=${value}`] })).toBe(hashOf(hash_policy));
    const again = { status: 200, headers: new HeaderMap() };
    const returning = testExchange({ headers: ['cookie', `k=${value}`] });
    returning.endpoint = {} as never;
    entryFor(routes).editResponse(returning, again);
    expect(again.headers.size).toBe(0);
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
  return entryFor(decodeRoutes(message));
}

describe('refused', () => {
  const route = (change: JsonObject) => ({
    virtual_hosts: [
      { name: 'h', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'c' }, ...change }] },
    ],
  });
  const action = (change: JsonObject) => route({ route: { cluster: 'c', ...change } });
  const here = 'virtual_hosts[0].routes[0]';
  test.each<[config: JsonObject, wants: string]>([
    [{ vhds: {} }, 'vhds: is not supported'],
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
      { virtual_hosts: [{ name: 'h', domains: ['*'], require_tls: 'ALL' }] },
      'virtual_hosts[0].require_tls: is not supported',
    ],
    [route({ match: { safe_regex: { regex: '(' } } }), `${here}.match.safe_regex.regex: `],
    [route({ match: { prefix: '/', tls_context: {} } }), `${here}.match.tls_context: is not supported`],
    [route({ match: { prefix: '/', headers: [{ name: 'a' }, {}] } }), `${here}.match.headers[1].name: is empty`],
    [action({ auto_host_rewrite: true }), `${here}.route.auto_host_rewrite: is not supported`],
    [action({ rate_limits: [{}] }), `${here}.route.rate_limits: is not supported`],
    [
      action({ prefix_rewrite: '/a', regex_rewrite: { pattern: { regex: 'a' } } }),
      `${here}.route.regex_rewrite: is set beside`,
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
      `${here}.route.retry_policy.retry_priority: is not supported`,
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
