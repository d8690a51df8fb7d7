import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { type RequestInit, testExchange } from '../testing/exchange.ts';
import { entryFor, routed } from '../testing/routes.ts';

describe('redirects', () => {
  test.each<[name: string, redirect: JsonObject, request: RequestInit, wants: string]>([
    ['https', { https_redirect: true }, { path: '/a?b' }, 'https://shop.example/a?b'],
    ['https drops port 80', { https_redirect: true }, { authority: 'x:80' }, 'https://x/'],
    ['https keeps another port', { https_redirect: true }, { authority: 'x:8080' }, 'https://x:8080/'],
    ['scheme', { scheme_redirect: 'HTTPS' }, {}, 'HTTPS://shop.example/'],
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
    ['a path without a slash is no host', { path_redirect: 'evil' }, { path: '/old?q' }, 'http://shop.example/evil?q'],
    ['a prefix without a slash is none', { prefix_rewrite: '.evil' }, { path: '/old' }, 'http://shop.example/.evilold'],
    [
      'nor is a format',
      { path_rewrite: '%REQ(x-to)%' },
      { path: '/old', headers: ['x-to', '.evil'] },
      'http://shop.example/.evil',
    ],
  ])('%s', (_name, redirect, request, wants) => {
    const { action } = entryFor(routed({ action: 1, redirect }), request);
    if (action.kind !== 'redirect') throw new Error(action.kind);
    expect(action.location(testExchange(request))).toBe(wants);
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

test.each<[redirect: JsonObject, wants: string | null]>([
  [{ prefix_rewrite: '/n' }, '/n/b'],
  [{ regex_rewrite: { pattern: { regex: 'b' }, substitution: 'c' } }, '/a/c'],
  [{ path_redirect: '/n' }, null],
  [{ host_redirect: 'h' }, null],
])('%j: headers and logs see %s', (redirect, wants) => {
  const { action } = entryFor(routed({ match: { prefix: '/a' }, action: true, redirect }), { path: '/a/b' });
  if (action.kind !== 'redirect') throw new Error(action.kind);
  expect(action.changePath?.('/a/b') ?? null).toBe(wants);
});
