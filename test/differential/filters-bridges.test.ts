// gRPC for upstreams of HTTP (grpc_http1_reverse_bridge), and JSON that is noted (json_to_metadata).
import { raw, respond } from '../support/upstream.ts';
import { type Case, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const HTTP = 'type.googleapis.com/envoy.extensions.filters.http';
const filter = (name: string, type: string, fields: string): string =>
  `{ name: ${name}, typed_config: { "@type": ${HTTP}.${type}, ${fields} } }`;
const BRIDGE = 'grpc_http1_reverse_bridge.v3.FilterConfig';
const bridge = (fields = ''): string => filter('bridge', BRIDGE, `content_type: application/x-protobuf${fields}`);
const J2M = 'json_to_metadata.v3.JsonToMetadata';
const KINDS = ['text', 'whole', 'real', 'yes', 'none', 'list', 'deep', 'digits', 'word', 'empty', 'long'];
const rule = (keys: readonly string[], fields: string): string =>
  `{ selectors: [${keys.map((key) => `{ key: ${key} }`).join(', ')}], ${fields} }`;
const pair = (key: string, more = ''): string => `{ metadata_namespace: j, key: ${key}${more} }`;
const each = (type: string): string =>
  KINDS.map((kind) =>
    rule(
      [kind],
      `on_present: ${pair(`${type}-${kind}`, `, type: ${type}`)}, on_missing: ${pair(`${type}-${kind}`, ', value: missing')}`,
    ),
  ).join(', ');
const rules = `rules: [${each('PROTOBUF_VALUE')}, ${each('STRING')}, ${each('NUMBER')},
  ${rule(['deep', 'down', 'here'], `on_present: ${pair('found')}, on_missing: ${pair('found', ', value: { a: [1, x] }')}, on_error: ${pair('found', ', value: broken')}`)},
  ${rule(['text'], `on_present: ${pair('fixed', ', value: 7')}`)},
  ${rule(['text'], `on_present: { key: own }`)},
  ${rule(['text'], `on_present: ${pair('known', ', preserve_existing_metadata_value: true')}`)}]`;
const knows = filter(
  'knows',
  'set_metadata.v3.Config',
  'metadata: [{ metadata_namespace: j, value: { known: before } }]',
);
const shows = filter(
  'shows',
  'header_mutation.v3.HeaderMutation',
  'mutations: { request_mutations: [{ append: { header: { key: x-noted, value: "%DYNAMIC_METADATA(j)%" } } }, { append: { header: { key: x-own, value: "%DYNAMIC_METADATA(envoy.filters.http.json_to_metadata:own)%" } } }], response_mutations: [{ append: { header: { key: x-noted, value: "%DYNAMIC_METADATA(j)%" } } }] }',
);
const json = (fields: string): string => filter('json', J2M, fields);

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: /noted, dynamic_metadata: [{ filter: j, path: [{ key: found }], value: { string_match: { exact: b } } }] }, route: { cluster: b } }
    - { match: { prefix: /typed, headers: [{ name: content-type, string_match: { exact: application/x-protobuf } }] }, route: { cluster: b } }
    - { match: { prefix: /off }, route: { cluster: a }, typed_per_filter_config: { bridge: { "@type": ${HTTP}.${BRIDGE}PerRoute, disabled: true } } }
    - { match: { prefix: /on }, route: { cluster: a }, typed_per_filter_config: { bridge: { "@type": ${HTTP}.${BRIDGE}PerRoute } } }
    - { match: { prefix: /other }, route: { cluster: a }, typed_per_filter_config: { json: { "@type": ${HTTP}.${J2M}, request_rules: { rules: [${rule(['text'], `on_present: ${pair('route')}`)}] } } } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const framed = (body: string): string => `\0\0\0\0${String.fromCharCode(body.length)}${body}`;
const call = (
  name: string,
  listener: string,
  body: string,
  wants: Case['wants'],
  more: Partial<Case> & { path?: string; type?: string } = {},
): Case => {
  const { path = '/', type = 'application/grpc+proto', ...rest } = more;
  return { name, listener, send: request('POST', path, { headers: [`content-type: ${type}`], body }), wants, ...rest };
};
const said = (body: string, headers: Readonly<Record<string, string>> = {}, status = 200) => ({
  a: [respond({ status, body, headers: { 'content-type': 'application/x-protobuf', ...headers } })],
});
const chunked = (body: string, status = 200) => ({
  a: [
    raw(
      `HTTP/1.1 ${status} OK\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ),
  ],
});

const DOCUMENT = JSON.stringify({
  text: 'abc',
  whole: 12,
  real: 1.25,
  yes: true,
  none: null,
  list: [1],
  deep: { down: { here: 'x' } },
  digits: ' 12.5 ',
  word: 'w',
  empty: '',
  long: 'x'.repeat(8_193),
});
const posts = (
  name: string,
  body: string,
  wants: Partial<Case['wants']> = {},
  type = 'application/json',
  more: Partial<Case> & { path?: string } = {},
): Case => {
  const { path = '/', ...rest } = more;
  const headers = type === '' ? [] : [`content-type: ${type}`];
  return {
    name,
    listener: 'json',
    send: request('POST', path, { headers, ...(body === '' ? {} : { body }) }),
    wants: { status: 200, reached: ['a'], ...wants },
    ...rest,
  };
};
const answers = (name: string, body: string, type = 'application/json', wants: Partial<Case['wants']> = {}): Case => ({
  name,
  listener: 'responses',
  send: request('GET', '/'),
  script: { a: [respond({ body, headers: type === '' ? {} : { 'content-type': type } })] },
  wants: { status: 200, body, ...wants },
});

compareWithEnvoy({
  name: 'filters-bridges',
  statistics: /json_to_metadata/,
  listeners: {
    whole: { filters: `[${bridge()}]` },
    bare: { filters: `[${bridge(', withhold_grpc_frames: true')}]` },
    sized: { filters: `[${bridge(', withhold_grpc_frames: true, response_size_header: X-Size')}]` },
    json: { filters: `[${knows}, ${json(`request_rules: { ${rules} }`)}, ${shows}]` },
    types: {
      filters: `[${json(`request_rules: { rules: [${rule(['text'], `on_present: ${pair('found')}`)}], allow_content_types: [text/json], allow_empty_content_type: true, allow_content_types_regex: { regex: "text/.*[+]json" } }`)}, ${shows}]`,
    },
    responses: { filters: `[${shows}, ${json(`response_rules: { ${rules} }`)}]` },
  },
  virtualHosts,
  cases: [
    call(
      'frames stay',
      'whole',
      framed('ask'),
      {
        status: 200,
        reached: ['a'],
        headers: { 'content-type': 'application/grpc+proto' },
        seen: { headers: { accept: 'application/x-protobuf' } },
      },
      { script: chunked(framed('said')) },
    ),
    call(
      'frames stay: another status',
      'whole',
      framed('ask'),
      { status: 200 },
      { script: chunked(framed('said'), 404) },
    ),
    call('frames stay: a head only', 'whole', framed('ask'), { status: 200 }, { script: said('', {}, 503) }),
    call(
      'another type',
      'whole',
      framed('ask'),
      { status: 200, headers: { 'grpc-status': '2' } },
      { script: { a: [respond({ headers: { 'content-type': 'text/x' }, body: 'x' })] } },
    ),
    call(
      'no type',
      'whole',
      framed('ask'),
      { status: 200, headers: { 'grpc-status': '2' } },
      { script: { a: [respond({ status: 503 })] } },
    ),
    call('no gRPC', 'whole', 'abc', { status: 200, body: 'said' }, { script: said('said'), type: 'text/plain' }),
    call('no body', 'whole', '', { status: 200, body: 'said' }, { script: said('said') }),
    call('off', 'whole', framed('ask'), { status: 200, body: 'said' }, { script: said('said'), path: '/off' }),
    call('on for a route', 'whole', framed('ask'), { status: 200 }, { script: chunked('said'), path: '/on' }),
    call('the route is chosen anew', 'whole', framed('ask'), { status: 200, reached: ['b'] }, { path: '/typed' }),
    call(
      'no upstream',
      'whole',
      framed('ask'),
      { status: 200, headers: { 'grpc-status': '2' } },
      { script: { a: [raw('', 'reset')] } },
    ),
    call(
      'without frames',
      'bare',
      framed('ask'),
      { status: 200, body: framed('said'), seen: { headers: { 'content-length': '3' } } },
      { script: chunked('said') },
    ),
    call(
      'without frames: a length',
      'bare',
      framed('ask'),
      { status: 200, body: framed('said') },
      { script: said('said') },
    ),
    call(
      'without frames: an error',
      'bare',
      framed('ask'),
      { status: 200, body: framed('said') },
      { script: chunked('said', 500) },
    ),
    call('without frames: a head only', 'bare', framed('ask'), { status: 200 }, { script: said('') }),
    call('without frames: an empty message', 'bare', framed(''), { status: 200 }, { script: chunked('x') }),
    call('no frame', 'bare', 'abc', {
      status: 200,
      headers: { 'grpc-status': '2' },
      reached: [],
    }),
    call(
      'sized',
      'sized',
      framed('ask'),
      { status: 200, body: framed('said') },
      { script: said('said', { 'x-size': '4' }) },
    ),
    call(
      'sized: a list',
      'sized',
      framed('ask'),
      { status: 200, body: framed('said') },
      { script: said('said', { 'x-size': '4,5' }) },
    ),
    call(
      'sized: nothing said',
      'sized',
      framed('ask'),
      { status: 200, headers: { 'grpc-status': '13' } },
      { script: said('said') },
    ),
    call(
      'sized: no number',
      'sized',
      framed('ask'),
      { status: 200, headers: { 'grpc-status': '13' } },
      { script: said('said', { 'x-size': 'four' }) },
    ),
    posts('values of all kinds', DOCUMENT),
    posts('a value within', '{"deep":{"down":{"here":1}}}'),
    posts('no object within', '{"deep":{"down":[1]}}'),
    posts('no object', '[1]'),
    posts('a text', '"text"'),
    posts('null', 'null'),
    posts('a number', '1'),
    posts('broken', '{"text":'),
    posts('broken bytes', '{"text":"\xe4"}'),
    posts('empty space', '  '),
    posts('space around', ' {"text":"a"} '),
    posts('no body', ''),
    posts('another type of body', DOCUMENT, {}, 'text/plain'),
    posts('a type with a parameter', DOCUMENT, {}, 'application/json; charset=utf-8'),
    posts('no type of body', DOCUMENT, {}, ''),
    posts('the same name twice', '{"text":"a","text":"b"}'),
    posts('a great number', '{"whole":9007199254740991,"real":1e300,"text":"a"}'),
    posts('negative numbers', '{"whole":-3,"real":-0.5}'),
    posts('the route is chosen anew', '{"deep":{"down":{"here":"b"}}}', { reached: ['b'] }, 'application/json', {
      path: '/noted',
    }),
    posts('rules of a route', '{"text":"a"}', {}, 'application/json', { path: '/other' }),
    posts('a listed type', '{"text":"a"}', {}, 'text/json', { listener: 'types' }),
    posts('a type that matches', '{"text":"a"}', {}, 'text/x+json', { listener: 'types' }),
    posts('a type that is not listed', '{"text":"a"}', {}, 'application/json', { listener: 'types' }),
    posts('no type, allowed', '{"text":"a"}', {}, '', { listener: 'types' }),
    answers('a response', DOCUMENT),
    answers('a response that is broken', '{'),
    answers('a response without a body', ''),
    answers('a response of another type', DOCUMENT, 'text/plain'),
  ],
});
