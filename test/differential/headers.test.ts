// What is added to, changed in and taken from headers, and which of the client's claims are believed.

import { respond } from '../support/upstream.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const operation = (key: string, value: string, action: string): string =>
  `{ header: { key: ${key}, value: "${value}" }, append_action: ${action} }`;
const APPEND = 'APPEND_IF_EXISTS_OR_ADD';
const OVERWRITE = 'OVERWRITE_IF_EXISTS_OR_ADD';
const ABSENT = 'ADD_IF_ABSENT';
const EXISTS = 'OVERWRITE_IF_EXISTS';

const virtualHosts = `
- name: all
  domains: ["*"]
  request_headers_to_add: [${operation('x-order', 'host', APPEND)}, ${operation('x-replaced', 'host', OVERWRITE)}]
  response_headers_to_add: [${operation('x-level', 'host', APPEND)}]
  request_headers_to_remove: [x-drop-host]
  response_headers_to_remove: [x-private]
  routes:
    - match: { prefix: /operations }
      route: { cluster: a }
      request_headers_to_add:
        - ${operation('x-append', 'ours', APPEND)}
        - ${operation('x-overwrite', 'ours', OVERWRITE)}
        - ${operation('x-absent', 'ours', ABSENT)}
        - ${operation('x-exists', 'ours', EXISTS)}
        - ${operation('x-order', 'route', APPEND)}
        - ${operation('x-replaced', 'route', OVERWRITE)}
        - ${operation('x-empty', '', APPEND)}
        - { header: { key: x-kept-empty, value: "" }, keep_empty_value: true }
      request_headers_to_remove: [x-drop-route, X-Drop-Case]
      response_headers_to_add:
        - ${operation('x-append', 'ours', APPEND)}
        - ${operation('x-overwrite', 'ours', OVERWRITE)}
        - ${operation('x-absent', 'ours', ABSENT)}
        - ${operation('x-exists', 'ours', EXISTS)}
        - ${operation('x-level', 'route', APPEND)}
    - match: { prefix: /formats }
      route: { cluster: a }
      request_headers_to_add:
        - ${operation('x-f-request', '%REQ(x-in)% and %REQ(x-none?x-in)%', APPEND)}
        - ${operation('x-f-missing', '%REQ(x-none)%', APPEND)}
        - ${operation('x-f-truncated', '%REQ(x-in):3%', APPEND)}
        - ${operation('x-f-method', '%REQ(:method)% %REQ(:path)% %REQ(:authority)%', APPEND)}
        - ${operation('x-f-protocol', '%PROTOCOL%', APPEND)}
        - ${operation('x-f-remote', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', APPEND)}
        - ${operation('x-f-local', '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', APPEND)}
        - ${operation('x-f-percent', '100%%', APPEND)}
      response_headers_to_add:
        - ${operation('x-f-response', '%RESP(x-upstream)%', APPEND)}
        - ${operation('x-f-code', '%RESPONSE_CODE%', APPEND)}
        - ${operation('x-f-cluster', '%UPSTREAM_CLUSTER%', APPEND)}
    - match: { prefix: /weighted }
      route:
        weighted_clusters:
          clusters:
            - name: b
              weight: 100
              request_headers_to_add: [${operation('x-order', 'cluster', APPEND)}]
              response_headers_to_add: [${operation('x-level', 'cluster', APPEND)}]
              request_headers_to_remove: [x-drop-cluster]
    - { match: { prefix: /answered }, direct_response: { status: 200 } , response_headers_to_add: [${operation('x-answered', '%RESPONSE_CODE%', APPEND)}] }
    - { match: { prefix: / }, route: { cluster: a } }
`;

function seen(name: string, listener: string, headers: Record<string, string | null>, ...sent: string[]): Case {
  return { name, listener, send: get('/', ...sent), wants: { status: 200, reached: ['a'], seen: { headers } } };
}

const ID = '11111111-2222-4333-8444-555555555555';

compareWithEnvoy({
  name: 'headers',
  listeners: {
    front: {},
    edge: { manager: '{ use_remote_address: true }' },
    trusted: { manager: '{ use_remote_address: true, xff_num_trusted_hops: 1 }' },
    inner: { manager: '{ use_remote_address: false, xff_num_trusted_hops: 1 }' },
    silent: { manager: '{ use_remote_address: true, skip_xff_append: true }' },
    named: {
      manager: '{ server_name: tulle-test, via: hop, preserve_external_request_id: true, use_remote_address: true }',
    },
    absent: { manager: '{ server_header_transformation: APPEND_IF_ABSENT, generate_request_id: false }' },
    through: { manager: '{ server_header_transformation: PASS_THROUGH }' },
    normal: {
      manager: '{ normalize_path: true, merge_slashes: true }',
    },
  },
  virtualHosts,
  routeConfiguration: `{ request_headers_to_add: [${operation('x-order', 'table', APPEND)}, ${operation('x-replaced', 'table', OVERWRITE)}], response_headers_to_add: [${operation('x-level', 'table', APPEND)}], request_headers_to_remove: [x-drop-table] }`,
  cases: [
    {
      name: 'operations on a request without them',
      send: get('/operations'),
      wants: {
        status: 200,
        seen: {
          headers: {
            'x-append': 'ours',
            'x-overwrite': 'ours',
            'x-absent': 'ours',
            'x-exists': null,
            'x-order': 'route & host & table',
            'x-replaced': 'table',
          },
        },
      },
    },
    {
      name: 'operations on a request with them',
      send: get(
        '/operations',
        'x-append: theirs',
        'x-overwrite: theirs',
        'x-overwrite: again',
        'x-absent: theirs',
        'x-exists: theirs',
        'x-order: client',
      ),
      wants: {
        status: 200,
        seen: {
          headers: { 'x-append': 'theirs & ours', 'x-overwrite': 'ours', 'x-absent': 'theirs', 'x-exists': 'ours' },
        },
      },
    },
    {
      name: 'removal at every level, in any case',
      send: get('/operations', 'x-drop-route: 1', 'X-DROP-CASE: 1', 'x-drop-host: 1', 'x-drop-table: 1', 'x-stays: 1'),
      wants: {
        status: 200,
        seen: {
          headers: {
            'x-drop-route': null,
            'x-drop-case': null,
            'x-drop-host': null,
            'x-drop-table': null,
            'x-stays': '1',
          },
        },
      },
    },
    {
      name: 'operations on a response',
      send: get('/operations'),
      script: {
        a: [
          respond({
            headers: { 'x-append': 'theirs', 'x-overwrite': 'theirs', 'x-absent': 'theirs', 'x-private': 'secret' },
          }),
        ],
      },
      wants: {
        status: 200,
        headers: {
          'x-append': 'theirs & ours',
          'x-overwrite': 'ours',
          'x-absent': 'theirs',
          'x-exists': null,
          'x-private': null,
          'x-level': 'route & host & table',
        },
      },
    },
    {
      name: 'values made of the request',
      send: get('/formats?q=1', 'x-in: value'),
      wants: {
        status: 200,
        headers: { 'x-f-response': 'a', 'x-f-code': '200', 'x-f-cluster': 'a' },
        seen: {
          headers: {
            'x-f-request': 'value and value',
            'x-f-missing': null,
            'x-f-truncated': 'val',
            'x-f-method': 'GET /formats?q=1 test.local',
            'x-f-protocol': 'HTTP/1.1',
            'x-f-remote': '127.0.0.1',
            'x-f-percent': '100%',
          },
        },
      },
    },
    {
      name: 'operations of the chosen cluster',
      send: get('/weighted', 'x-drop-cluster: 1'),
      wants: {
        status: 200,
        reached: ['b'],
        headers: { 'x-level': 'cluster & host & table' },
        seen: { headers: { 'x-order': 'cluster & host & table', 'x-drop-cluster': null } },
      },
    },
    {
      name: 'operations on a direct response',
      send: get('/answered'),
      wants: { status: 200, headers: { 'x-answered': '0', 'x-level': 'host & table' } },
    },
    {
      name: 'hop-by-hop headers end here',
      send: get(
        '/',
        'connection: keep-alive, x-hop',
        'x-hop: 1',
        'keep-alive: timeout=5',
        'proxy-connection: keep-alive',
        'te: trailers',
        'x-stays: 1',
      ),
      wants: {
        status: 200,
        seen: { headers: { 'x-stays': '1', connection: null, 'keep-alive': null, 'proxy-connection': null } },
      },
    },
    {
      name: "upstream's hop-by-hop headers end here",
      send: get('/'),
      script: {
        a: [
          respond({
            headers: {
              connection: 'keep-alive',
              'keep-alive': 'timeout=5',
              'proxy-connection': 'keep-alive',
              server: 'upstream',
              date: 'Mon, 01 Jan 2001 00:00:00 GMT',
            },
          }),
        ],
      },
      wants: { status: 200, headers: { server: 'envoy', connection: null, 'keep-alive': null } },
    },
    {
      name: 'names are lowered, values kept',
      send: get('/', 'X-MiXeD: CaSe  in  it'),
      wants: { status: 200, seen: { headers: { 'x-mixed': 'CaSe  in  it' } } },
    },
    {
      name: 'values beyond ASCII',
      send: get('/', 'x-bytes: caf\xe9'),
      wants: { status: 200, seen: { headers: { 'x-bytes': 'caf\xe9' } } },
    },
    { name: 'cookies stay apart', send: get('/', 'cookie: a=1', 'cookie: b=2'), wants: { status: 200 } },
    {
      name: 'repeated response headers keep their order',
      send: get('/'),
      script: {
        a: [
          {
            wire: 'HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nx-b: 1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n',
            after: 'keep',
          },
        ],
      },
      wants: { status: 200, headers: { 'set-cookie': 'a=1 & b=2' } },
    },
    seen(
      'forwarded: as it came',
      'front',
      { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'http' },
      'x-forwarded-for: 1.2.3.4',
    ),
    seen('forwarded: nothing came', 'front', { 'x-forwarded-for': null, 'x-forwarded-proto': 'http' }),
    seen('forwarded: proto of the client', 'front', { 'x-forwarded-proto': 'https' }, 'x-forwarded-proto: https'),
    seen('forwarded: nonsense as proto', 'front', {}, 'x-forwarded-proto: gopher'),
    seen('forwarded: edge', 'edge', { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' }),
    seen('forwarded: edge appends', 'edge', { 'x-forwarded-for': '1.2.3.4,127.0.0.1' }, 'x-forwarded-for: 1.2.3.4'),
    seen('forwarded: edge and proto', 'edge', {}, 'x-forwarded-proto: https'),
    seen('forwarded: edge and two lines', 'edge', {}, 'x-forwarded-for: 1.2.3.4', 'x-forwarded-for: 5.6.7.8'),
    seen(
      'forwarded: a trusted hop',
      'trusted',
      { 'x-forwarded-for': '9.9.9.9, 1.2.3.4,127.0.0.1' },
      'x-forwarded-for: 9.9.9.9, 1.2.3.4',
      'x-forwarded-proto: https',
    ),
    seen('forwarded: inner with a hop', 'inner', {}, 'x-forwarded-for: 9.9.9.9, 1.2.3.4'),
    seen('forwarded: not appended', 'silent', { 'x-forwarded-for': '1.2.3.4' }, 'x-forwarded-for: 1.2.3.4'),
    seen(
      'internal headers from outside are dropped',
      'edge',
      {},
      'x-forwarded-for: 8.8.8.8',
      'x-envoy-max-retries: 5',
      'x-envoy-upstream-rq-timeout-ms: 1',
      'x-envoy-retry-on: 5xx',
      'x-envoy-internal: true',
      'x-envoy-decorator-operation: forged',
    ),
    seen(
      'internal headers on an inner hop',
      'front',
      {},
      'x-envoy-internal: true',
      'x-envoy-max-retries: 1',
      'x-envoy-expected-rq-timeout-ms: 7',
    ),
    seen(
      'internal headers from inside',
      'front',
      {},
      'x-forwarded-for: 10.0.0.1',
      'x-envoy-internal: true',
      'x-envoy-max-retries: 1',
    ),
    seen('request id: made', 'front', { 'x-request-id': '<uuid>' }),
    seen('request id: kept on an inner hop', 'front', { 'x-request-id': 'mine' }, 'x-request-id: mine'),
    seen('request id: of a client outside', 'edge', {}, `x-request-id: ${ID}`),
    seen('request id: preserved where told', 'named', { 'x-request-id': 'mine' }, 'x-request-id: mine'),
    seen('request id: not made where told', 'absent', { 'x-request-id': null }),
    seen('via', 'named', { via: 'hop' }),
    seen('via of an earlier hop', 'named', { via: 'before, hop' }, 'via: before'),
    {
      name: 'server: named',
      listener: 'named',
      send: get('/'),
      wants: { status: 200, headers: { server: 'tulle-test' } },
    },
    { name: 'server: added', listener: 'absent', send: get('/'), wants: { status: 200, headers: { server: 'envoy' } } },
    {
      name: "server: upstream's",
      listener: 'absent',
      send: get('/'),
      script: { a: [respond({ headers: { server: 'theirs' } })] },
      wants: { status: 200, headers: { server: 'theirs' } },
    },
    {
      name: 'server: passed through',
      listener: 'through',
      send: get('/', 'x-request-id: shown'),
      script: { a: [respond({ headers: { server: 'theirs' } })] },
      wants: { status: 200, headers: { server: 'theirs' } },
    },
    {
      name: 'server: nothing to pass',
      listener: 'through',
      send: get('/'),
      wants: { status: 200, headers: { server: null } },
    },
    {
      name: 'path: dots resolved',
      listener: 'normal',
      send: get('/x/../y/./z?a/../b'),
      wants: { status: 200, seen: { startLine: 'GET /y/z?a/../b HTTP/1.1' } },
    },
    {
      name: 'path: slashes merged',
      listener: 'normal',
      send: get('//x///y'),
      wants: { status: 200, seen: { startLine: 'GET /x/y HTTP/1.1' } },
    },
    { name: 'path: escapes of plain letters', listener: 'normal', send: get('/%61%2e%2e/b'), wants: { status: 200 } },
    {
      name: 'path: escaped dots',
      listener: 'normal',
      send: get('/a/%2e%2e/b'),
      wants: { status: 200, seen: { startLine: 'GET /b HTTP/1.1' } },
    },
    { name: 'path: above the root', listener: 'normal', send: get('/../x'), wants: { status: 200 } },
  ],
});
