// The proxy's own answers as local_reply_config and body_format rewrite them.
import { type Case, get, lines, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const status = (op: string, code: number): string =>
  `status_code_filter: { comparison: { op: ${op}, value: { default_value: ${code}, runtime_key: none.${code} } } }`;
const header = (name: string): string => `header_filter: { header: { name: ${name}, present_match: true } }`;
const add = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD'): string =>
  `{ header: { key: ${key}, value: "${value}" }, append_action: ${action} }`;
const answer = (path: string, code: number, fields = ''): string =>
  `    - { match: { path: ${path} }, direct_response: { status: ${code}, body: { inline_string: "given %" } ${fields} } }`;

const MAPPERS = `
- { filter: { response_flag_filter: { flags: [NR] } }, status_code: 410, body: { inline_string: "gone: %REQ(:PATH)%" } }
- { filter: { ${header('x-format')} }, body_format_override: { text_format: "<%LOCAL_REPLY_BODY%> %RESPONSE_CODE% %RESP(x-route)% %RESP(:status)% %RESPONSE_CODE_DETAILS%|%BYTES_SENT%", content_type: "text/html; charset=UTF-8" } }
- { filter: { ${header('x-json')} }, status_code: 599, body_format_override: { json_format: { was: "%LOCAL_REPLY_BODY%", code: "%RESPONSE_CODE%", text: "é %PROTOCOL%", none: "%REQ(x-none)%" } } }
- { filter: { ${header('x-edit')} }, headers_to_add: [${add('x-added', '%REQ(x-edit)%')}, ${add('x-route', 'mapper', 'OVERWRITE_IF_EXISTS_OR_ADD')}, ${add('content-type', 'text/own')}] }
- { filter: { ${header('x-edit-body')} }, body: { inline_string: other }, headers_to_add: [${add('content-type', 'text/own')}, ${add('content-length', '1')}] }
- { filter: { ${header('x-silent')} }, body: { inline_string: "" } }
- { filter: { and_filter: { filters: [{ ${status('GE', 500)} }, { ${status('LE', 503)} }] } }, status_code: 502, body: { inline_string: "failed" } }
`;

const plain = (name: string, path: string, code: number, ...headers: string[]): Case => ({
  name,
  listener: 'mapped',
  send: get(path, ...headers),
  wants: { status: code },
});

compareWithEnvoy({
  name: 'local replies',
  listeners: {
    mapped: { manager: `{ local_reply_config: { mappers: [${MAPPERS.replaceAll('\n- ', ', ').slice(2)}] } }` },
    formatted: {
      manager: `{ local_reply_config: { mappers: [{ filter: { ${header('x-own')} }, body: { inline_string: own } }], body_format: { text_format_source: { inline_string: "%RESPONSE_CODE%:%LOCAL_REPLY_BODY%\\n" } } } }`,
    },
    json: { manager: '{ local_reply_config: { body_format: { json_format: { message: "%LOCAL_REPLY_BODY%" } } } }' },
    typed: {
      manager:
        '{ local_reply_config: { body_format: { json_format: { a: "%LOCAL_REPLY_BODY%" }, content_type: "application/problem+json" } } }',
    },
    empty: { manager: '{ local_reply_config: {} }' },
    plain: {},
  },
  virtualHosts: `
- name: all
  domains: ["*"]
  response_headers_to_add: [${add('x-route', 'edited')}]
  routes:
${answer('/given', 200)}
${answer('/refused', 403)}
${answer('/created', 201)}
${answer('/text', 200, ', body_format: { text_format: "[%LOCAL_REPLY_BODY%] %REQ(:METHOD)%" }')}
${answer('/html', 503, ', body_format: { text_format: "b", content_type: "text/html" }')}
${answer('/json', 302, ', body_format: { json_format: { path: "%REQ(:PATH)%" } }')}
    - { match: { path: /bare }, direct_response: { status: 204 } }
    - { match: { path: /only-format }, direct_response: { status: 200, body_format: { text_format: "f" } } }
    - { match: { path: /redirect }, redirect: { path_redirect: /else } }
    - { match: { path: /none }, route: { cluster: empty } }
    - { match: { path: /down }, route: { cluster: refused } }
    - { match: { path: /typed }, route: { cluster: empty }, response_headers_to_add: [${add('content-type', 'text/route')}] }
    - { match: { path: /up }, route: { cluster: a } }
`,
  cases: [
    { ...plain('status and body', '/nowhere', 410), wants: { status: 410, body: 'gone: %REQ(:PATH)%', flags: 'NR' } },
    plain('text', '/given', 200, 'x-format: 1'),
    plain('text of an upstream that fails', '/none', 503, 'x-format: 1'),
    plain('json', '/given', 599, 'x-json: 1'),
    plain('headers', '/given', 200, 'x-edit: e'),
    plain('headers without a body', '/bare', 204, 'x-edit: e'),
    plain('headers and body', '/given', 200, 'x-edit-body: e'),
    plain('no body', '/given', 200, 'x-silent: 1'),
    plain('no body where there was none', '/bare', 204),
    plain('status in range', '/none', 502),
    plain('status out of range', '/refused', 403),
    plain('body without a body', '/redirect', 301),
    plain('content type of the route', '/typed', 503, 'x-format: 1'),
    plain('an upstream answers', '/up', 200, 'x-format: 1'),
    {
      name: 'head',
      listener: 'mapped',
      send: request('HEAD', '/given', { headers: ['x-format: 1'] }),
      wants: { status: 200 },
    },
    {
      name: 'malformed',
      listener: 'formatted',
      send: lines('GET / HTTP/1.1', 'host: a', 'content-length: x', '', ''),
      wants: { status: 400 },
    },
    {
      name: 'gRPC',
      listener: 'mapped',
      send: get('/none', 'content-type: application/grpc', 'x-x: 1'),
      wants: { status: 200, headers: { 'grpc-status': '14', 'grpc-message': 'failed' } },
    },
    {
      name: 'gRPC: status',
      listener: 'mapped',
      send: get('/nowhere', 'content-type: application/grpc'),
      wants: { status: 200, headers: { 'grpc-status': '2' } },
    },
    {
      name: 'gRPC: json',
      listener: 'json',
      send: get('/none', 'content-type: application/grpc'),
      wants: { status: 200, headers: { 'grpc-message': '{"message":"no healthy upstream"}' } },
    },
    ...['formatted', 'json', 'typed', 'empty', 'plain'].flatMap((listener) => [
      ...[
        ['/given', 200],
        ['/none', 503],
        ['/bare', 204],
        ['/redirect', 301],
        ['/nowhere', 404],
        ['/typed', 503],
        ['/text', 200],
        ['/html', 503],
        ['/json', 302],
        ['/created', 201],
        ['/only-format', 200],
      ].map(([path, code]) => ({
        name: `${listener}: ${path}`,
        listener,
        send: get(String(path)),
        wants: { status: Number(code) },
      })),
      {
        name: `${listener}: gRPC`,
        listener,
        send: get('/text', 'content-type: application/grpc'),
        wants: { status: 200 },
      },
    ]),
    {
      name: 'own body',
      listener: 'formatted',
      send: get('/none', 'x-own: 1'),
      wants: { status: 503, body: '503:own\n' },
    },
  ],
});
