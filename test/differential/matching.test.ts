// Routes chosen by what the first routing suite leaves out: URI templates, cookies, gRPC, TLS that is required, chance, filter state.
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const TEMPLATE = 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';
const REWRITE = 'type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig';

const template = (text: string): string =>
  `path_match_policy: { name: envoy.path.match.uri_template, typed_config: { "@type": ${TEMPLATE}, path_template: "${text}" } }`;
const rewrite = (text: string): string =>
  `path_rewrite_policy: { name: envoy.path.rewrite.uri_template, typed_config: { "@type": ${REWRITE}, path_template_rewrite: "${text}" } }`;
const answer = (name: string): string => `direct_response: { status: 200, body: { inline_string: "${name}" } }`;

const MATCHES: readonly (readonly [name: string, match: string])[] = [
  ['one segment', template('/one/*')],
  ['segment between', template('/between/*/end')],
  ['suffix in any depth', template('/media/**.m3u8')],
  ['any depth', template('/deep/**')],
  ['named path', template('/named/{a=x/*}/{b}')],
  ['cookie exact', 'prefix: /cookie, cookies: [{ name: id, string_match: { exact: x } }]'],
  ['cookie inverted', 'prefix: /cookie, cookies: [{ name: other, string_match: { exact: x }, invert_match: true }]'],
  ['grpc', 'prefix: /grpc, grpc: {}'],
  ['not grpc', 'prefix: /grpc'],
  ['no certificate shown', 'prefix: /tls, tls_context: { presented: false, validated: false }'],
  ['certificate shown', 'prefix: /tls, tls_context: { presented: true }'],
  [
    'metadata that is not there, inverted',
    'prefix: /metadata, dynamic_metadata: [{ filter: f, path: [{ key: k }], value: { string_match: { exact: v } }, invert: true }]',
  ],
  ['metadata that is not there', 'prefix: /metadata'],
  ['filter state', 'prefix: /state, filter_state: [{ key: absent, string_match: { prefix: a } }]'],
  ['no filter state', 'prefix: /state'],
  ['any case regular expression', 'safe_regex: { regex: "(?i)/ReGex/[a-z]+" }'],
  ['alternatives', 'safe_regex: { regex: "/(cat|dog|bird)s?" }'],
  ['segment prefix, any case', 'path_separated_prefix: /Seg/Ment, case_sensitive: false'],
  ['first of a half', 'path: /half, runtime_fraction: { default_value: { numerator: 100 } }'],
];

const virtualHosts = `
- name: secure
  domains: [secure.test]
  require_tls: ALL
  response_headers_to_add: [{ header: { key: x-host, value: secure } }]
  routes: [{ match: { prefix: / }, ${answer('secure')} }]
- name: external
  domains: [external.test]
  require_tls: EXTERNAL_ONLY
  routes: [{ match: { prefix: / }, ${answer('external')} }]
- name: templates
  domains: [template.test]
  routes:
    - match: { ${template('/{one}/{two}/swap')} }
      route: { cluster: a, ${rewrite('/{two}/{one}')} }
    - match: { ${template('/content/{format}/{lang}/{id}/{file}.vtt')} }
      route: { cluster: a, ${rewrite('/{lang}/{format}/{file}.vtt')} }
    - match: { ${template('/videos/{language=lang/*}/**')} }
      route: { cluster: a, ${rewrite('/{language}')} }
- name: all
  domains: ["*"]
  routes:
${MATCHES.map(([name, match]) => `    - { match: { ${match} }, ${answer(name)} }`).join('\n')}
`;

const found = (name: string, path: string, ...headers: string[]): Case => ({
  name: `${name} ← ${path} ${headers.join(' ')}`,
  send: get(path, ...headers),
  wants: { status: 200, body: name },
});
const none = (path: string, ...headers: string[]): Case => ({
  name: `nothing ← ${path} ${headers.join(' ')}`,
  send: get(path, ...headers),
  wants: { status: 404, flags: 'NR' },
});
const rewritten = (path: string, wants: string): Case => ({
  name: `${path} → ${wants}`,
  send: request('GET', path, { host: 'template.test' }),
  wants: { status: 200, seen: { startLine: `GET ${wants} HTTP/1.1`, headers: { 'x-envoy-original-path': path } } },
});

compareWithEnvoy({
  name: 'matching',
  virtualHosts,
  cases: [
    found('one segment', '/one/x'),
    found('one segment', '/one/x?y/z'),
    found('one segment', '/one/a-b.c_d~e%20f!$&'),
    none('/one/'),
    none('/one/x/y'),
    found('one segment', '/one/x;y*z'),
    none('/one/x[y]'),
    found('segment between', '/between/x/end'),
    none('/between//end'),
    found('suffix in any depth', '/media/a/b.m3u8'),
    found('suffix in any depth', '/media/.m3u8'),
    none('/media/a.m3u'),
    found('any depth', '/deep/'),
    found('any depth', '/deep/a/b'),
    none('/deep'),
    found('named path', '/named/x/1/2'),
    none('/named/y/1/2'),
    found('cookie exact', '/cookie', 'cookie: a=1; id=x'),
    found('cookie exact', '/cookie', 'cookie: a=1', 'cookie: id="x"'),
    found('cookie inverted', '/cookie', 'cookie: other=y'),
    none('/cookie', 'cookie: other=x'),
    found('cookie inverted', '/cookie'),
    {
      name: 'grpc ← application/grpc+proto',
      send: get('/grpc', 'content-type: application/grpc+proto'),
      wants: { status: 200, headers: { 'grpc-message': 'grpc' } },
    },
    found('not grpc', '/grpc', 'content-type: application/grpc-web'),
    found('not grpc', '/grpc', 'content-type: application/json'),
    found('no certificate shown', '/tls'),
    found('metadata that is not there, inverted', '/metadata'),
    found('no filter state', '/state'),
    found('any case regular expression', '/regex/ABC'),
    none('/regex/ABC/d'),
    found('alternatives', '/cats'),
    found('alternatives', '/bird'),
    none('/catss'),
    found('segment prefix, any case', '/sEG/mENT/x'),
    none('/seg/mentor'),
    found('first of a half', '/half'),
    rewritten('/cat/dog/swap', '/dog/cat'),
    rewritten('/cat/dog/swap?q=/x', '/dog/cat?q=/x'),
    rewritten('/content/hls/en-us/12345/en_193913.vtt', '/en-us/hls/en_193913.vtt'),
    rewritten('/videos/lang/en/video.m4s', '/lang/en'),
    {
      name: 'TLS is required',
      send: request('GET', '/a?b', { host: 'secure.test' }),
      wants: { status: 301, headers: { location: 'https://secure.test/a?b', 'x-host': null } },
    },
    {
      name: 'TLS before this proxy will do',
      send: request('GET', '/', { host: 'secure.test', headers: ['x-forwarded-proto: https'] }),
      wants: { status: 200, headers: { 'x-host': 'secure' } },
    },
    {
      name: 'TLS is required of strangers',
      send: request('GET', '/x', { host: 'external.test', headers: ['x-envoy-internal: true'] }),
      wants: { status: 301, headers: { location: 'https://external.test/x' } },
    },
  ],
});
