// Access logs: what each command of a format says, in text and JSON, and which exchanges are logged.
import { expect, test } from 'vitest';
import { respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { fileLog, linesOf, read } from './harness/log-file.ts';
import { observe } from './harness/observation.ts';

/** Commands whose value is the same at both proxies for the same request. */
const SAME = [
  'ACCESS_LOG_TYPE',
  'BYTES_RECEIVED',
  'BYTES_RETRANSMITTED',
  'COALESCE({"operators":[{"command":"REQ","param":"X-NONE"},"PROTOCOL"]})',
  'COALESCE({"operators":[{"command":"REQ","param":"X-A","max_length":2},"RESPONSE_CODE"]})',
  'COALESCE({"operators":["LOCAL_REPLY_BODY","RESPONSE_CODE"]})',
  'COALESCE({"operators":[{"command":"REQ","param":"X-NONE"}]})',
  'REQUEST_HEADER(X-NONE?X-A):3',
  'RESPONSE_HEADER(:STATUS)',
  'RESPONSE_HEADER(X-NONE?SERVER)',
  'RESPONSE_TRAILER(X-NONE)',
  'ROUNDTRIP_DURATION',
  'CUSTOM_FLAGS',
  'LOCAL_REPLY_BODY',
  'PACKETS_RETRANSMITTED',
  'REQUEST_HEADERS_BYTES',
  'RESPONSE_TRAILERS_BYTES',
  'UPSTREAM_FILTER_STATE(k)',
  'UPSTREAM_HOST_NAME',
  'UPSTREAM_HOST_NAME_WITHOUT_PORT',
  'UPSTREAM_PEER_SUBJECT',
  'UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID',
  'DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID',
  'DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID',
  'UPSTREAM_TLS_VERSION',
  'UPSTREAM_LOCAL_URI_SAN',
  'BYTES_SENT',
  'CLUSTER_METADATA(ns)',
  'CLUSTER_METADATA(ns:l)',
  'CLUSTER_METADATA(none)',
  'CONNECTION_TERMINATION_DETAILS',
  'DOWNSTREAM_DIRECT_LOCAL_ADDRESS',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT(12)',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_PORT',
  'DOWNSTREAM_PEER_SUBJECT',
  'DOWNSTREAM_PEER_CERT_V_START',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_TLS_VERSION',
  'DYNAMIC_METADATA(ns:k)',
  'ENVIRONMENT(HOME)',
  'ENVIRONMENT(NOT_THERE)',
  'ENVIRONMENT(HOME):3',
  'FILTER_CHAIN_NAME',
  'GRPC_STATUS',
  'GRPC_STATUS(SNAKE_STRING)',
  'GRPC_STATUS(NUMBER)',
  'GRPC_STATUS_NUMBER',
  'HOSTNAME',
  'LISTENER_NAME',
  'METADATA(CLUSTER:ns:k)',
  'METADATA(LISTENER:ns:k)',
  'METADATA(ROUTE:ns)',
  'METADATA(ROUTE:ns:n)',
  'METADATA(ROUTE:ns:o:b)',
  'METADATA(ROUTE:none)',
  'METADATA(UPSTREAM_HOST:ns:k)',
  'PATH',
  'PATH(NQ)',
  'PATH(NQ:ORIG)',
  'PATH(NQ:ORIG_OR_PATH)',
  'PATH(WQ:PATH)',
  'PATH(WQ:PATH):3',
  'PROTOCOL',
  'QUERY_PARAM(q)',
  'QUERY_PARAM(none)',
  'QUERY_PARAMS',
  'QUERY_PARAMS(ORIG)',
  'REQ(:AUTHORITY)',
  'REQ(:METHOD)',
  'REQ(:PATH):4',
  'REQ(X-A)',
  'REQ(X-A):2',
  'REQ(X-NONE?X-A)',
  'REQ(X-ENVOY-ORIGINAL-PATH?:PATH)',
  'REQ(X-A):0',
  'REQ_WITHOUT_QUERY(:PATH)',
  'REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH):3',
  'REQUESTED_SERVER_NAME',
  'RESP(X-R)',
  'RESP(:STATUS)',
  'RESP(X-NONE?X-R)',
  'RESPONSE_CODE',
  'RESPONSE_CODE_DETAILS',
  'RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)',
  'RESPONSE_FLAGS',
  'RESPONSE_FLAGS_LONG',
  'ROUTE_NAME',
  'TRAILER(X-T)',
  'UPSTREAM_CLUSTER',
  'UPSTREAM_CLUSTER_RAW',
  'UPSTREAM_HOST',
  'UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
  'UPSTREAM_METADATA(ns:k)',
  'UPSTREAM_PROTOCOL',
  'UPSTREAM_REMOTE_ADDRESS',
  'UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'UPSTREAM_REQUEST_ATTEMPT_COUNT',
  'UPSTREAM_TRANSPORT_FAILURE_REASON',
];

/** Commands whose value is a time, a port or an id: only its form is compared. */
const ALIKE = [
  'CONNECTION_ID',
  'DOWNSTREAM_DIRECT_REMOTE_PORT',
  'DURATION',
  'EMIT_TIME',
  'EMIT_TIME(%Y)',
  'REQUEST_DURATION',
  'REQUEST_TX_DURATION',
  'RESPONSE_DURATION',
  'RESPONSE_HEADERS_BYTES',
  'RESPONSE_TX_DURATION',
  'COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)',
  'COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ns)',
  'COMMON_DURATION(DS_RX_END:US_TX_END)',
  'COMMON_DURATION(US_RX_BEG:US_RX_END:us)',
  'COMMON_DURATION(DS_TX_BEG:DS_TX_END:us)',
  'START_TIME',
  'START_TIME(%Y/%m/%dT%H:%M:%S%z %s)',
  'START_TIME(%3f %6f %9f %f %1f %E3S)',
  'START_TIME_LOCAL(%Y %H:%M)',
  'STREAM_ID',
  'UNIQUE_ID',
  'UPSTREAM_LOCAL_PORT',
];

const TYPE = 'type.googleapis.com/envoy.extensions';
const FORMATTERS = `[{name: q, typed_config: {'@type': '${TYPE}.formatter.req_without_query.v3.ReqWithoutQuery'}}]`;
const quoted = (text: string) => JSON.stringify(text);

const jsonOf = (commands: readonly string[]) =>
  `{formatters: ${FORMATTERS}, json_format: {case: '%REQ(X-CASE)%', ${commands.map((one) => `${quoted(one)}: ${quoted(`%${one}%`)}`).join(', ')}}}`;
const textOf = (commands: readonly string[]) =>
  `{formatters: ${FORMATTERS}, text_format_source: {inline_string: ${quoted(`%REQ(X-CASE)%|${commands.map((one) => `%${one}%`).join('|')}\n`)}}}`;
const id = '{text_format_source: {inline_string: "%REQ(X-CASE)%|\\n"}}';

const comparison = (field: string, op: string, value: number) =>
  `{${field}: {comparison: {op: ${op}, value: {default_value: ${value}, runtime_key: none}}}}`;

/** A log per filter, which says only which cases it let through. */
const FILTERS: Readonly<Record<string, string>> = {
  status: comparison('status_code_filter', 'GE', 400),
  equal: comparison('status_code_filter', 'EQ', 200),
  different: comparison('status_code_filter', 'NE', 200),
  short: comparison('duration_filter', 'LE', 100_000),
  header: '{header_filter: {header: {name: x-a, string_match: {exact: abc}}}}',
  flags: '{response_flag_filter: {flags: [UF, NR]}}',
  anyFlag: '{response_flag_filter: {}}',
  both: `{and_filter: {filters: [${comparison('status_code_filter', 'GE', 400)}, {header_filter: {header: {name: x-a, present_match: true}}}]}}`,
  either: `{or_filter: {filters: [${comparison('status_code_filter', 'GE', 500)}, {header_filter: {header: {name: x-a, present_match: true}}}]}}`,
  grpc: '{grpc_status_filter: {statuses: [UNAVAILABLE, PERMISSION_DENIED]}}',
  notGrpc: '{grpc_status_filter: {statuses: [OK], exclude: true}}',
  noKey: '{metadata_filter: {matcher: {filter: none, path: [{key: k}], value: {string_match: {exact: v}}}}}',
  keyNeeded:
    '{metadata_filter: {matcher: {filter: none, path: [{key: k}], value: {string_match: {exact: v}}}, match_if_key_not_found: false}}',
  typeEnd: '{log_type_filter: {types: [DownstreamEnd]}}',
  typeNotEnd: '{log_type_filter: {types: [DownstreamEnd], exclude: true}}',
  all: '{runtime_filter: {runtime_key: none, percent_sampled: {numerator: 100}}}',
  none: '{runtime_filter: {runtime_key: none, percent_sampled: {numerator: 0}}}',
  notHealth: '{not_health_check_filter: {}}',
  traceable: '{traceable_filter: {}}',
};

const suite: Suite = {
  name: 'access log',
  listeners: {
    front: {
      listener: 'metadata: {filter_metadata: {ns: {k: lv}}}',
      chain: 'name: chain',
      manager: `access_log:${[
        fileLog('same', jsonOf(SAME)),
        fileLog('alike', jsonOf(ALIKE)),
        fileLog('text', textOf(SAME)),
        fileLog(
          'omit',
          `{omit_empty_values: true, json_format: {case: '%REQ(X-CASE)%', a: '%REQ(X-A)%', in: {list: ['%PROTOCOL%', 3, '%REQ(X-NONE)%'], b: true}}}`,
        ),
        fileLog('default', 'null'),
        ...Object.entries(FILTERS).map(([name, filter]) => fileLog(`filter-${name}`, id, filter)),
      ].join('')}`,
    },
    early: {
      manager: `access_log_options: {flush_access_log_on_new_request: true, access_log_flush_interval: 3600s}
access_log:${fileLog('early', jsonOf(['ACCESS_LOG_TYPE', 'RESPONSE_CODE', 'REQ(:PATH)', 'ROUTE_NAME']))}`,
    },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {name: direct, match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: hi}}}
  - {name: retried, match: {prefix: /refused}, route: {cluster: refused, retry_policy: {retry_on: connect-failure, num_retries: 1}}}
  - {name: missing, match: {prefix: /nocluster}, route: {cluster: nobody}}
  - name: main
    match: {prefix: /m}
    route: {cluster: described, prefix_rewrite: /rw}
    metadata: {filter_metadata: {ns: {k: rv, n: 3, o: {b: 1, a: x}}}}
  - {name: plain, match: {prefix: /p}, route: {cluster: a}}
`,
  routeConfiguration: 'validate_clusters: false',
  clusters: `
- name: described
  type: STATIC
  connect_timeout: 1s
  metadata: {filter_metadata: {ns: {k: cv, l: [1, a]}}}
  load_assignment:
    cluster_name: described
    endpoints:
    - lb_endpoints:
      - metadata: {filter_metadata: {ns: {k: hv}}}
        endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: <a>}}}
`,
  cases: [],
};

const answer = (status: number, headers: Readonly<Record<string, string>> = {}) =>
  respond({ status, headers, body: 'hello' });
const CASES = [
  {
    name: 'a rewritten request',
    send: get('/m/x?q=1%202&z=b', 'X-A: abc'),
    script: { a: [answer(200, { 'x-r': 'resp' })] },
  },
  { name: 'a body', send: request('POST', '/p?q=', { headers: ['X-A: one', 'X-A: two'], body: 'abc' }) },
  { name: 'a direct answer', send: get('/direct') },
  { name: 'no route', send: get('/none') },
  { name: 'no cluster', send: get('/nocluster') },
  { name: 'nobody listens', send: get('/refused') },
  { name: 'an error of the upstream', send: get('/p', 'X-A: abc'), script: { a: [answer(503)] } },
  {
    name: 'gRPC',
    send: request('POST', '/p', { headers: ['content-type: application/grpc'], body: '' }),
    script: { a: [answer(200, { 'grpc-status': '7' })] },
  },
  {
    name: 'gRPC that failed as HTTP',
    send: request('POST', '/p', { headers: ['content-type: application/grpc'], body: '' }),
    script: { a: [answer(502)] },
  },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES.map((one, index) => ({ ...one, id: `case-${index}` })))('$name', async ({ id: mark, ...one }) => {
    const { reference, ours } = pair();
    const wants = { status: 0 };
    await Promise.all([reference, ours].map((stand) => observe(stand, { ...one, wants }, mark)));
    for (const log of ['same', 'omit']) {
      const [theirs, mine] = (await linesOf(pair(), log, mark)).map((lines) => lines.map(parsed));
      expect(mine, log).toEqual(theirs);
    }
    const [textOfTheirs, textOfOurs] = await linesOf(pair(), 'text', mark);
    expect(textOfOurs?.map((line) => line.split('|'))).toEqual(textOfTheirs?.map((line) => line.split('|')));
    const [theirs, mine] = await linesOf(pair(), 'alike', mark);
    expect(mine!.map(shape), 'alike').toEqual(theirs!.map(shape));
  });

  test('lines at the beginning of a request', async () => {
    const send = get('/direct');
    await Promise.all(
      [pair().reference, pair().ours].map((stand) =>
        observe(stand, { name: '', listener: 'early', send, wants: { status: 200 } }, 'early'),
      ),
    );
    const lines = (stand: Pair['ours']) =>
      waitFor('two lines', () => {
        const found = read(stand, 'early');
        return found.length >= 2 && found;
      });
    const [theirs, mine] = await Promise.all([pair().reference, pair().ours].map(lines));
    expect(mine!.map(parsed)).toEqual(theirs!.map(parsed));
  });

  test('the default format', async () => {
    const [theirs, mine] = await linesOf(pair(), 'default', '"');
    const form = (line: string) =>
      line
        .replace(/\d{4}-\S+Z/, '<time>')
        .replace(/\d+ (\d+|-) "/, '<ms> "')
        .replace(/[0-9a-f-]{36}/, '<id>');
    expect(mine!.map(form)).toEqual(theirs!.map(form));
  });

  test.each(Object.keys(FILTERS))('filter %s', async (name) => {
    const { reference, ours } = pair();
    const [theirs, mine] = [reference, ours].map((stand) => read(stand, `filter-${name}`).sort());
    expect(mine).toEqual(theirs);
  });
});

function parsed(line: string): unknown {
  return JSON.parse(line.replaceAll('":<front>', '":"<front>"'));
}

/** Digits by how they are grouped, not by what they are. */
function shape(line: string): unknown {
  const members = Object.entries(JSON.parse(line.replaceAll('<port>', '1')) as Record<string, unknown>);
  return members.map(([key, value]) => [
    key,
    typeof value === 'string' ? value.replace(/[0-9a-f]/g, '0') : typeof value,
  ]);
}
