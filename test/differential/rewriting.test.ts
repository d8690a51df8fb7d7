// What the upstream is asked for, and where a client is sent: rewrites, redirects, direct responses.
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const FORWARDS: readonly (readonly [prefix: string, fields: string])[] = [
  ['/as-is', ''],
  ['/prefix/', 'prefix_rewrite: /new/'],
  ['/prefix', 'prefix_rewrite: /new'],
  ['/slash/', 'prefix_rewrite: /'],
  ['/regex', 'regex_rewrite: { pattern: { regex: "^/regex/([a-z]+)/(\\\\d+)" }, substitution: "/\\\\2/\\\\1" }'],
  ['/same', 'regex_rewrite: { pattern: { regex: "/+" }, substitution: "/" }'],
  ['/all', 'regex_rewrite: { pattern: { regex: "l+" }, substitution: "L" }'],
  ['/host', 'host_rewrite_literal: other.test'],
  ['/named-header', 'host_rewrite_header: x-host'],
  ['/named-path', 'host_rewrite_path_regex: { pattern: { regex: "^/named-path/(.+)$" }, substitution: "\\\\1" }'],
  ['/kept', 'host_rewrite_literal: other.test, append_x_forwarded_host: true'],
  ['/written', 'path_rewrite: "/%REQ(X-TENANT)%/%REQ(:AUTHORITY)%/100%%", host_rewrite: "%REQ(X-TENANT)%.test"'],
  ['/queried', 'path_rewrite: "/to?fixed=1"'],
  ['/nothing', 'path_rewrite: "%REQ(X-TENANT)%", host_rewrite: "%REQ(X-TENANT)%"'],
];

const REDIRECTS: readonly (readonly [prefix: string, fields: string])[] = [
  ['/r/https', 'https_redirect: true'],
  ['/r/host', 'host_redirect: new.test'],
  ['/r/port', 'port_redirect: 8443'],
  ['/r/path', 'path_redirect: /there'],
  ['/r/query', 'path_redirect: "/there?fixed=1"'],
  ['/r/strip', 'path_redirect: /there, strip_query: true'],
  ['/r/prefix', 'prefix_rewrite: /p'],
  ['/r/regex', 'regex_rewrite: { pattern: { regex: "^/r/regex/(.*)$" }, substitution: "/x/\\\\1" }'],
  ['/r/302', 'host_redirect: new.test, response_code: FOUND'],
  ['/r/303', 'host_redirect: new.test, response_code: SEE_OTHER'],
  ['/r/307', 'host_redirect: new.test, response_code: TEMPORARY_REDIRECT'],
  ['/r/308', 'host_redirect: new.test, response_code: PERMANENT_REDIRECT'],
  ['/r/scheme', 'scheme_redirect: ftp, host_redirect: files.test, port_redirect: 21'],
  ['/r/same-port', 'https_redirect: true, port_redirect: 443'],
  ['/r/written', 'path_rewrite: "/to/%REQ(X-TENANT)%"'],
  ['/r/fixed', 'path_rewrite: "/to?fixed=%REQ(X-TENANT)%"'],
  ['/r/named', 'path_rewrite: "%REQ(X-TENANT)%"'],
  ['/r/relative', 'path_redirect: relative'],
  ['/r/cut', 'prefix_rewrite: ".cut"'],
  ['/r/nothing', 'path_rewrite: "%REQ(X-TENANT)%", strip_query: true'],
];

const virtualHosts = `
- name: all
  domains: ["*"]
  response_headers_to_add: [{ header: { key: x-shown, value: "%REQ(:PATH)% %REQ(X-ENVOY-ORIGINAL-PATH)%" } }, { header: { key: x-original, value: "%PATH(NQ:ORIG)%" } }, { header: { key: x-query, value: "%QUERY_PARAM(q)%|%QUERY_PARAM(fixed)%|%QUERY_PARAMS%" } }]
  routes:
${FORWARDS.map(([prefix, fields]) => `    - { match: { prefix: ${prefix} }, route: { cluster: a, ${fields} } }`).join('\n')}
${REDIRECTS.map(([prefix, fields]) => `    - { match: { prefix: ${prefix} }, redirect: { ${fields} } }`).join('\n')}
    - { match: { path: /d/text }, direct_response: { status: 503, body: { inline_string: "closed for the day" } } }
    - { match: { path: /d/empty }, direct_response: { status: 204 } }
    - match: { path: /d/typed }
      direct_response: { status: 200, body: { inline_string: "{}" } }
      response_headers_to_add: [{ header: { key: content-type, value: application/json }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }]
`;

function forward(
  name: string,
  target: string,
  startLine: string,
  headers: Record<string, string | null> = {},
  ...sent: string[]
): Case {
  return {
    name,
    send: get(target, ...sent),
    wants: { status: 200, reached: ['a'], seen: { startLine: `GET ${startLine} HTTP/1.1`, headers } },
  };
}

function redirect(name: string, target: string, location: string, status = 301): Case {
  return { name, send: get(target), wants: { status, headers: { location }, body: '', reached: [] } };
}

compareWithEnvoy({
  name: 'rewriting',
  virtualHosts,
  cases: [
    forward('path as it is', '/as-is/%2f/./x?a=%20b&&c', '/as-is/%2f/./x?a=%20b&&c', { 'x-envoy-original-path': null }),
    forward('prefix', '/prefix/x?q=1', '/new/x?q=1', { 'x-envoy-original-path': '/prefix/x?q=1' }),
    forward('prefix that is the whole path', '/prefix', '/new'),
    forward('prefix before a query', '/prefix?q', '/new?q'),
    forward('prefix to the root', '/slash/x', '/x'),
    forward('prefix to the root, nothing left', '/slash/', '/'),
    forward('prefix sent by the client is not believed', '/as-is', '/as-is', {}, 'x-envoy-original-path: /forged'),
    forward('regex with groups', '/regex/abc/12/rest?q=1', '/12/abc/rest?q=1'),
    forward('regex that does not match', '/regex/12', '/regex/12'),
    {
      name: 'regex that changes nothing is told of all the same',
      send: get('/same/x'),
      wants: { status: 200, headers: { 'x-shown': '/same/x /same/x', 'x-original': '/same/x' } },
    },
    forward('regex replaces every match', '/all/hello/all?ll', '/aL/heLo/aL?ll'),
    forward('host', '/host', '/host', { host: 'other.test' }),
    forward('host from a header', '/named-header', '/named-header', { host: 'given.test' }, 'x-host: given.test'),
    forward('host from a header that is missing', '/named-header', '/named-header', { host: 'test.local' }),
    forward('host from the path', '/named-path/named.test?x', '/named-path/named.test?x', { host: 'named.test' }),
    forward('host with x-forwarded-host', '/kept', '/kept', { host: 'other.test', 'x-forwarded-host': 'test.local' }),
    forward(
      'path and host as a format says',
      '/written/x?q=1',
      '/t1/t1.test/100%?q=1',
      { host: 't1.test', 'x-envoy-original-path': '/written/x?q=1', 'x-envoy-original-host': 'test.local' },
      'x-tenant: t1',
    ),
    forward('path with a query as a format says', '/queried?q=1', '/to?fixed=1?q=1'),
    forward('path and host as formats say that have no value', '/nothing/x', '/nothing/x', {
      host: '-',
      'x-envoy-original-path': null,
    }),
    {
      name: 'to a path as a format says',
      send: get('/r/written?q=1', 'x-tenant: t1'),
      wants: { status: 301, headers: { location: 'http://test.local/to/t1?q=1', 'x-shown': '/r/written?q=1' } },
    },
    {
      name: 'to a path with a query as a format says',
      send: get('/r/fixed?q=1', 'x-tenant: t1'),
      wants: { status: 301, headers: { location: 'http://test.local/to?fixed=t1' } },
    },
    redirect(
      'to a path without a slash, which is no part of the host',
      '/r/relative?q',
      'http://test.local/relative?q',
    ),
    redirect('to a prefix without a slash', '/r/cut/x', 'http://test.local/.cut/x'),
    {
      name: 'to a path without a slash, as a format says',
      send: get('/r/named?q', 'x-tenant: .evil.test'),
      wants: { status: 301, headers: { location: 'http://test.local/.evil.test?q' } },
    },
    redirect('to a path as a format says that has no value', '/r/nothing?q=1', 'http://test.local/r/nothing'),
    ...['other.test', 'test.local', 'a.test,test.local', ''].map((given) =>
      forward(`host with x-forwarded-host: ${given}`, '/kept', '/kept', {}, `x-forwarded-host: ${given}`),
    ),
    forward('host with x-forwarded-host, twice', '/kept', '/kept', {}, 'x-forwarded-host: a', 'x-forwarded-host: b'),
    redirect('to https', '/r/https?a=b', 'https://test.local/r/https?a=b'),
    {
      name: 'to https from a port',
      send: request('GET', '/r/https', { host: 'test.local:8080' }),
      wants: { status: 301 },
    },
    {
      name: 'to https from port 80',
      send: request('GET', '/r/https', { host: 'test.local:80' }),
      wants: { status: 301 },
    },
    redirect('to a host', '/r/host/x?y', 'http://new.test/r/host/x?y'),
    {
      name: 'to a host from a port',
      send: request('GET', '/r/host', { host: 'test.local:8080' }),
      wants: { status: 301 },
    },
    redirect('to a port', '/r/port', 'http://test.local:8443/r/port'),
    redirect('to a path', '/r/path/x?y=1', 'http://test.local/there?y=1'),
    redirect('to a path with a query of its own', '/r/query?y=1', 'http://test.local/there?fixed=1'),
    redirect('without the query', '/r/strip?y=1', 'http://test.local/there'),
    redirect('with another prefix', '/r/prefix/x?y', 'http://test.local/p/x?y'),
    redirect('with a regex', '/r/regex/a/b?c', 'http://test.local/x/a/b?c'),
    redirect('302', '/r/302', 'http://new.test/r/302', 302),
    redirect('303', '/r/303', 'http://new.test/r/303', 303),
    redirect('307', '/r/307', 'http://new.test/r/307', 307),
    redirect('308', '/r/308', 'http://new.test/r/308', 308),
    redirect('to another scheme', '/r/scheme', 'ftp://files.test:21/r/scheme'),
    { name: 'to the default port', send: get('/r/same-port'), wants: { status: 301 } },
    {
      name: 'redirect of a POST with a body',
      send: request('POST', '/r/host', { body: 'ignored' }),
      wants: { status: 301, reached: [] },
    },
    { name: 'redirect of HEAD', send: request('HEAD', '/r/host'), wants: { status: 301, body: '' } },
    {
      name: 'direct response',
      send: get('/d/text'),
      wants: { status: 503, body: 'closed for the day', headers: { 'content-type': 'text/plain' } },
    },
    { name: 'direct response to HEAD', send: request('HEAD', '/d/text'), wants: { status: 503, body: '' } },
    { name: 'direct response without a body', send: get('/d/empty'), wants: { status: 204, body: '' } },
    {
      name: 'direct response with its own type',
      send: get('/d/typed'),
      wants: { status: 200, headers: { 'content-type': 'application/json' } },
    },
    {
      name: 'direct response leaves the connection usable',
      send: [get('/d/text'), get('/d/empty'), get('/as-is')],
      wants: { status: [503, 204, 200], reached: ['a'] },
    },
  ],
});
