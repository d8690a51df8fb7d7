// TCP proxied over HTTP: CONNECT and POST towards an upstream that speaks HTTP/1.1, and CONNECT of HTTP/2 through a second listener.
import { expect } from 'vitest';
import { type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const NETWORK = `${EXTENSIONS}.filters.network`;
const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';

/** What is kept of an answer is shown where it is asked for. */
const KEPT =
  ' %FILTER_STATE(envoy.tcp_proxy.propagate_response_headers:TYPED)% %FILTER_STATE(envoy.tcp_proxy.propagate_response_trailers:PLAIN)%';
const tunnelled = (name: string, cluster: string, tunnelling: string) =>
  `filter_chains: [{ filters: [{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: ${name}, cluster: ${cluster}, tunneling_config: { ${tunnelling} }, access_log: [{ name: file, typed_config: { "@type": ${FILE}, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "%BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER%${tunnelling.includes('propagate') ? KEPT : ''}\\n" } } } }] } }] }]`;
/** Ends CONNECT before the upstream `a`. */
const ending = `filter_chains: [{ filters: [{ name: http, typed_config: { "@type": ${NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, codec_type: AUTO, upgrade_configs: [{ upgrade_type: CONNECT }], http2_protocol_options: { allow_connect: true }, http_filters: [{ name: router, typed_config: { "@type": ${EXTENSIONS}.filters.http.router.v3.Router } }], route_config: { virtual_hosts: [{ name: v, domains: ["a.test:443"], routes: [{ match: { path: /tunnel }, route: { cluster: b, upgrade_configs: [{ upgrade_type: CONNECT, connect_config: { allow_post: true } }] } }, { match: { connect_matcher: {} }, route: { cluster: a, upgrade_configs: [{ upgrade_type: CONNECT, connect_config: {} }] } }] }] } } }] }]`;

const cluster = (name: string, port: string, more = '') =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }] }] }${more} }`;
const http2 = `, typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } } }`;

const hello: readonly Line[] = [
  { send: 'hello' },
  { hear: /hello/ },
  { send: 'again' },
  { hear: /again/ },
  { end: true },
];

/** What the client got, what came to the upstream (its lines in order, names in small letters), and the log. */
function told(listener: string, lines: readonly Line[], upstream: string, logged = true) {
  return async (stand: ConnectionStand) => {
    const { received } = await talk(stand.port(listener), lines, { stays: !logged });
    const heard = stand.heard(upstream).map((text) => text.split('\r\n'));
    return { received, heard, ...(logged ? { log: (await stand.log(listener)).at(-1) } : {}) };
  };
}

compareConnections({
  name: 'TCP over HTTP',
  listeners: {
    ending,
    connect: tunnelled('connect', 'one', 'hostname: a.test:443'),
    headers: tunnelled(
      'headers',
      'one',
      'hostname: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%:443", headers_to_add: [{ header: { key: x-one, value: first } }, { header: { key: x-client, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" } }]',
    ),
    post: tunnelled('post', 'one', 'hostname: a.test:443, use_post: true, post_path: /tunnel'),
    'loop-1': tunnelled('loop-1', 'loop1', 'hostname: a.test:443'),
    'loop-2': tunnelled('loop-2', 'loop2', 'hostname: a.test:443'),
    'post-1': tunnelled('post-1', 'loop1', 'hostname: a.test:443, use_post: true, post_path: /tunnel'),
    'post-2': tunnelled('post-2', 'loop2', 'hostname: a.test:443, use_post: true, post_path: /tunnel'),
    'gone-1': tunnelled('gone-1', 'gone1', 'hostname: a.test:443, use_post: true, post_path: /tunnel'),
    'gone-2': tunnelled('gone-2', 'gone2', 'hostname: a.test:443, use_post: true, post_path: /tunnel'),
    'gone-3': tunnelled('gone-3', 'gone3', 'hostname: a.test:443'),
    kept: tunnelled(
      'kept',
      'loop1',
      'hostname: a.test:443, propagate_response_headers: true, propagate_response_trailers: true',
    ),
    'kept-2': tunnelled('kept-2', 'loop2', 'hostname: a.test:443, propagate_response_headers: true'),
    'kept-not': tunnelled('kept-not', 'loop2', 'hostname: b.test:443, propagate_response_headers: true'),
    refused: tunnelled('refused', 'loop2', 'hostname: b.test:443'),
    dead: tunnelled('dead', 'refused', 'hostname: a.test:443'),
  },
  clusters: `[${cluster('one', 'connector')}, ${cluster('loop1', 'ending')}, ${cluster('loop2', 'ending', http2)}, ${cluster('gone1', 'ending')}, ${cluster('gone2', 'ending', http2)}, ${cluster('gone3', 'ending', http2)}]`,
  cases: [
    {
      name: 'CONNECT of HTTP/1.1',
      run: told('connect', hello, 'connector'),
      wants: {
        received: 'connector:helloconnector:again',
        heard: [['CONNECT a.test:443 HTTP/1.1', 'host: a.test:443', '', 'helloagain']],
        log: '10 30 - one',
      },
    },
    {
      name: 'with headers',
      run: told('headers', hello, 'connector'),
      wants: { received: 'connector:helloconnector:again' },
    },
    {
      name: 'POST of HTTP/1.1',
      run: told('post', [{ send: 'hello' }, { hear: /hello/ }], 'connector', false),
      wants: {
        heard: [['POST /tunnel HTTP/1.1', 'host: a.test:443', 'transfer-encoding: chunked', '', '5', 'hello', '']],
      },
    },
    { name: 'through a listener that ends it', run: told('loop-1', hello, 'a'), wants: { received: 'a:helloa:again' } },
    {
      name: 'CONNECT of HTTP/2',
      run: told('loop-2', hello, 'a'),
      wants: { received: 'a:helloa:again', heard: [['helloagain']], log: '10 14 - loop2' },
    },
    {
      name: 'POST through a listener that ends it',
      run: told('post-1', hello, 'b'),
      wants: { received: 'b:hellob:again' },
    },
    {
      name: 'POST of HTTP/2',
      run: told('post-2', hello, 'b'),
      wants: { received: 'b:hellob:again', heard: [['helloagain']], log: '10 14 - loop2' },
    },
    ...[1, 2, 3].map((version) => ({
      name: `a client that breaks off leaves nothing open: ${version}`,
      async run(stand: ConnectionStand) {
        const lines: Line[] = [{ send: 'hello' }, { hear: /hello/ }, { reset: true }];
        await talk(stand.port(`gone-${version}`), lines).catch(() => null);
        const gauges = [
          `cluster.gone${version}.upstream_rq_active`,
          `tcp.gone-${version}.downstream_cx_active`,
          'http.h.downstream_rq_active',
          'cluster.a.upstream_cx_active',
          'cluster.b.upstream_cx_active',
        ];
        const values = await Promise.all(gauges.map((name) => stand.stat(name, 0)));
        return { values, log: (await stand.log(`gone-${version}`)).at(-1) };
      },
      wants: { values: [0, 0, 0, 0, 0], log: `5 7 - gone${version}` },
    })),
    ...['kept', 'kept-2', 'kept-not'].map((listener) => ({
      name: `words of the answer are kept: ${listener}`,
      async run(stand: ConnectionStand) {
        const granted = listener !== 'kept-not';
        await talk(stand.port(listener), granted ? hello : [{ send: 'x' }]);
        const line = (await stand.log(listener)).at(-1) ?? '';
        return line.replace(/"date","value":"[^"]*"/, '"date","value":""').slice(line.indexOf('{'));
      },
      wants: expect.stringContaining('{"headers":[{"key":":status"'),
    })),
    { name: 'the other side refuses', run: told('refused', [{ send: 'x' }], 'a'), wants: { received: '', heard: [] } },
    {
      name: 'nobody is there',
      run: told('dead', [{ send: 'x' }], 'a'),
      wants: { received: '' },
      accepted: {
        reason:
          'Envoy says UF,URX or UO, as it happens that the refusal comes before or after the connection is wanted',
        ours: { received: '', heard: [], log: '0 0 UF,URX refused' },
      },
    },
  ],
});
