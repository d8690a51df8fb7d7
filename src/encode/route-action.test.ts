// Rewrites, redirects and header edits whose translation has a trap.
import { create, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { RouteActionPlan } from '../mesh/plan.ts';
import type { PathMatch } from '../model/match.ts';
import { type HeaderEdit, noEdit, type Rewrite } from '../model/route.ts';
import { off } from '../model/setting.ts';
import { RouteSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { headerLists } from './headers.ts';
import { routeAction } from './route-action.ts';

const forward = (clusters: readonly string[], rewrite: Rewrite | null = null): RouteActionPlan => ({
  kind: 'forward',
  clusters: clusters.map((cluster) => ({ cluster, weight: 1, requestHeaders: noEdit, responseHeaders: noEdit })),
  rewrite,
  mirrors: [],
  timeout: off,
  retry: off,
  hash: null,
});

const json = (action: RouteActionPlan, path: PathMatch | null = null, edit: HeaderEdit = noEdit) =>
  toJson(RouteSchema, create(RouteSchema, { action: routeAction(action, path, edit) }));

const element: PathMatch = { kind: 'path-prefix', value: '/foo' };
const plain: PathMatch = { kind: 'prefix', value: '/foo/', ignoreCase: false };
const prefixed = (value: string): Rewrite => ({ host: null, path: { kind: 'prefix', value } });
const regex = (pattern: string, substitution: string) => ({
  regexRewrite: { pattern: { regex: pattern }, substitution },
});

test.each<readonly [string, Rewrite, PathMatch | null, object]>([
  ['an element prefix', prefixed('/bar'), element, { prefixRewrite: '/bar' }],
  ['an element prefix to the root', prefixed('/'), element, regex('^\\/foo/*', '/')],
  ['an element prefix to nothing', prefixed(''), element, regex('^\\/foo/*', '/')],
  ['a trailing slash', prefixed('/bar/'), element, { prefixRewrite: '/bar' }],
  ['a plain prefix', prefixed('/'), plain, { prefixRewrite: '/' }],
  ['a whole path', { host: null, path: { kind: 'full', value: '/a\\1' } }, plain, regex('^/.*$', '/a\\\\1')],
  [
    'a regular expression',
    { host: null, path: { kind: 'regex', pattern: '^/(a)', substitution: '/b\\1' } },
    null,
    regex('^/(a)', '/b\\1'),
  ],
  ['a host', { host: 'b.example', path: null }, null, { hostRewriteLiteral: 'b.example' }],
])('rewrites %s', (_, rewrite, path, expected) => {
  expect(json(forward(['c'], rewrite), path)).toEqual({ route: { cluster: 'c', timeout: '0s', ...expected } });
});

test('a host set as a header is a rewrite, since Envoy refuses the edit', () => {
  const edit: HeaderEdit = {
    set: [
      { name: 'host', value: 'b' },
      { name: 'x-a', value: '50%' },
    ],
    add: [],
    remove: [':path', 'x-b'],
  };
  expect(json(forward(['c']), null, edit)).toMatchObject({ route: { hostRewriteLiteral: 'b' } });
  const lists = headerLists(edit, noEdit);
  expect(lists.requestHeadersToAdd.map(({ header }) => [header?.key, header?.value])).toEqual([['x-a', '50%%']]);
  expect(lists.requestHeadersToRemove).toEqual(['x-b']);
});

test('the share of a broken backend is answered with 500', () => {
  expect(json(forward(['c', 'broken|80||gone']))).toMatchObject({
    route: { clusterNotFoundResponseCode: 'INTERNAL_SERVER_ERROR' },
  });
  expect(json(forward(['c', 'd']))).not.toHaveProperty('route.clusterNotFoundResponseCode');
});

test('a redirect keeps what it does not name', () => {
  const redirect: RouteActionPlan = {
    kind: 'redirect',
    scheme: 'https',
    host: null,
    port: null,
    path: { kind: 'prefix', value: '/' },
    status: 302,
  };
  expect(json(redirect, element)).toEqual({
    redirect: { schemeRedirect: 'https', responseCode: 'FOUND', ...regex('^\\/foo/*', '/') },
  });
});
