// Answers in the place of responses that a matcher names (custom_response): whose policy, which status, body and headers.
import { respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const HTTP = 'type.googleapis.com/envoy.extensions.filters.http';
const LOCAL = 'type.googleapis.com/envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy';
const TYPE = `${HTTP}.custom_response.v3.CustomResponse`;

const local = (fields: string): string => `{ name: local, typed_config: { "@type": ${LOCAL}, ${fields} } }`;
const matcher = (asked: string, entries: Readonly<Record<string, string>>): string =>
  `custom_response_matcher: { matcher_tree: { input: { name: in, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.${asked} } }, exact_match_map: { map: { ${Object.entries(
    entries,
  )
    .map(([key, action]) => `"${key}": { action: ${action} }`)
    .join(', ')} } } } }`;
const byStatus = (entries: Readonly<Record<string, string>>): string =>
  matcher('HttpResponseStatusCodeMatchInput', entries);
const filter = (fields: string): string => `{ name: custom, typed_config: { "@type": ${TYPE}, ${fields} } }`;
const perRoute = (fields: string): string => `typed_per_filter_config: { custom: { "@type": ${TYPE}, ${fields} } }`;
const deny = `{ name: deny, typed_config: { "@type": ${HTTP}.rbac.v3.RBAC, rules: { action: DENY, policies: { all: { permissions: [{ header: { name: x-deny, present_match: true } }], principals: [{ any: true }] } } } } }`;

const policies = byStatus({
  404: local('body: { inline_string: "not here" }, status_code: 299'),
  500: local('body: { inline_string: "as it was" }'),
  501: local(''),
  502: local(
    'body_format: { text_format_source: { inline_string: "<%LOCAL_REPLY_BODY%> %RESP(x-answer)% %RESPONSE_CODE% %REQ(:path)%" } }, body: { inline_string: given }',
  ),
  503: local('body_format: { json_format: { path: "%REQ(:PATH)%", said: "%LOCAL_REPLY_BODY%" } }, status_code: 200'),
  504: local(
    'response_headers_to_add: [{ header: { key: x-added, value: "%REQ(x-case)%-%RESP(x-answer)%" } }, { header: { key: content-type, value: text/html }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }], body: { inline_string: hi! }',
  ),
  403: local('body: { inline_string: denied }, response_code_details: mine'),
  405: local('body: { inline_string: kept }, preserve_response_code_details: true'),
});

const virtualHosts = `
- name: all
  domains: ["*"]
  ${perRoute(byStatus({ 404: local('body: { inline_string: "of the host" }'), 410: local('body: { inline_string: "gone from the host" }') }))}
  routes:
    - { match: { prefix: /host }, route: { cluster: a } }
    - { match: { prefix: /route }, route: { cluster: a }, ${perRoute(byStatus({ 404: local('body: { inline_string: "of the route" }') }))} }
    - { match: { prefix: /off }, route: { cluster: a }, typed_per_filter_config: { custom: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } } }
    - { match: { prefix: /direct }, direct_response: { status: 500, body: { inline_string: direct } } }
    - { match: { prefix: /silent }, direct_response: { status: 501, body: { inline_string: direct } } }
    - { match: { prefix: /refused }, route: { cluster: refused } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const meets = (
  name: string,
  status: number,
  wants: Case['wants'],
  { path = '/', listener = 'front' }: { path?: string; listener?: string } = {},
): Case => ({
  name,
  listener,
  send: get(path),
  script: { a: [respond({ status, body: 'from upstream', headers: { 'x-answer': 'yes', 'content-type': 'text/x' } })] },
  wants,
});

compareWithEnvoy({
  name: 'filters-custom-response',
  statistics: /^http\.front\.downstream_rq_[2-5]xx/,
  listeners: {
    front: { filters: `[${filter(policies)}]` },
    class: {
      filters: `[${filter(matcher('HttpResponseStatusCodeClassMatchInput', { '5xx': local('body: { inline_string: failed }') }))}]`,
    },
    header: {
      filters: `[${filter(matcher('HttpResponseHeaderMatchInput, header_name: x-answer', { yes: local('body: { inline_string: answered }') }))}]`,
    },
    request: {
      filters: `[${filter(matcher('HttpRequestHeaderMatchInput, header_name: ":path"', { '/': local('body: { inline_string: asked }') }))}]`,
    },
    denies: { filters: `[${filter(policies)}, ${deny}]` },
    early: { filters: `[${deny}, ${filter(policies)}]` },
    bare: { filters: `[${filter('').replace(', }', '}')}]` },
    rewrites: {
      filters: `[${filter(policies)}]`,
      manager: 'local_reply_config: { body_format: { text_format_source: { inline_string: "[%LOCAL_REPLY_BODY%]" } } }',
    },
  },
  virtualHosts,
  cases: [
    meets('nothing to say', 200, { status: 200, body: 'from upstream' }),
    meets('its own status', 404, { status: 404, body: 'of the host' }),
    meets('the status that came', 500, { status: 500, body: 'as it was' }),
    meets('no body', 501, { status: 501, body: '' }),
    meets('a format', 502, { status: 502, body: '<given> yes 502 /' }),
    meets('a format of JSON', 503, { status: 200, headers: { 'content-type': 'text/plain' } }),
    meets('further headers', 504, { status: 504, body: 'hi!', headers: { 'content-type': 'text/html' } }),
    meets('its own details', 403, { status: 403, body: 'denied' }),
    meets('details that stay', 405, { status: 405, body: 'kept' }),
    meets('a policy of the host only', 410, { status: 410, body: 'gone from the host' }, { path: '/host' }),
    meets('a policy of the route', 404, { status: 404, body: 'of the route' }, { path: '/route' }),
    meets('a policy of the host for a route with others', 410, { status: 410 }, { path: '/route' }),
    meets(
      'a policy of the filter for a route with others',
      500,
      { status: 500, body: 'as it was' },
      { path: '/route' },
    ),
    meets('off', 500, { status: 500, body: 'from upstream' }, { path: '/off' }),
    meets('a class', 507, { status: 507, body: 'failed' }, { listener: 'class' }),
    meets('another class', 407, { status: 407, body: 'from upstream' }, { listener: 'class' }),
    meets('a header', 200, { status: 200, body: 'answered' }, { listener: 'header' }),
    meets('what was asked', 200, { status: 200, body: 'asked' }, { listener: 'request' }),
    meets('nothing but what routes say', 410, { status: 410, body: 'gone from the host' }, { listener: 'bare' }),
    meets('an answer that is rewritten', 500, { status: 500, body: '[as it was]' }, { listener: 'rewrites' }),
    { name: 'a direct response', send: get('/direct'), wants: { status: 500, body: 'as it was', reached: [] } },
    {
      name: 'a direct response and a policy without a body',
      send: get('/silent'),
      wants: { status: 501, reached: [] },
    },
    { name: 'an upstream that is not there', send: get('/refused'), wants: { status: 200, reached: [], flags: 'UF' } },
    {
      name: 'an upstream that is not there, rewritten',
      listener: 'rewrites',
      send: get('/refused'),
      wants: { status: 200, reached: [], flags: 'UF' },
    },
    {
      name: 'a filter that answers behind it',
      listener: 'denies',
      send: get('/', 'x-deny: yes'),
      wants: { status: 403, body: 'denied', reached: [] },
    },
    {
      name: 'a filter that answers before it',
      listener: 'early',
      send: get('/', 'x-deny: yes'),
      wants: { status: 403, body: 'denied', reached: [] },
    },
    {
      name: 'to HEAD',
      send: request('HEAD', '/'),
      script: { a: [respond({ status: 500 })] },
      wants: { status: 500, body: '' },
    },
    {
      name: 'to gRPC',
      send: request('POST', '/', { headers: ['content-type: application/grpc'] }),
      script: { a: [respond({ status: 500 })] },
      wants: { status: 200, headers: { 'grpc-message': 'as it was' } },
    },
  ],
});
