// What a network filter leaves in filter state: seen by routes and logs of the requests on the connection, and by its transport.
import { type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const NETWORK = `${EXTENSIONS}.filters.network`;
const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';

/** Sets filter state with each connection. */
const state = (key: string, format: string, factory = 'envoy.string') =>
  `{ name: state, typed_config: { "@type": ${NETWORK}.set_filter_state.v3.Config, on_new_connection: [{ object_key: ${key}, factory_key: ${factory}, format_string: { text_format_source: { inline_string: "${format}" } } }] } }`;
const set = (key: string, format: string, readOnly = false) =>
  `{ name: set, typed_config: { "@type": ${EXTENSIONS}.filters.http.set_filter_state.v3.Config, on_request_headers: [{ object_key: ${key}, read_only: ${readOnly}, factory_key: envoy.string, format_string: { text_format_source: { inline_string: "${format}" } } }] } }, `;
const http = (name: string, filters = '') =>
  `{ name: http, typed_config: { "@type": ${NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, http_filters: [${filters}{ name: router, typed_config: { "@type": ${EXTENSIONS}.filters.http.router.v3.Router } }], route_config: { virtual_hosts: [{ name: v, domains: ["*"], routes: [{ match: { prefix: /, filter_state: [{ key: who, string_match: { exact: 127.0.0.1 } }] }, direct_response: { status: 200, body: { inline_string: state } } }, { match: { prefix: / }, direct_response: { status: 404 } }] }] }, access_log: [{ name: file, typed_config: { "@type": ${FILE}, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "%RESPONSE_CODE% %FILTER_STATE(who:PLAIN)% %FILTER_STATE(own:PLAIN)%\\n" } } } }] } }`;
const tcp = (cluster: string) =>
  `{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ${cluster} } }`;
const chain = (...filters: string[]) => `filter_chains: [{ filters: [${filters.join(', ')}] }]`;

const get = 'GET / HTTP/1.1\r\nhost: test\r\n\r\n';

/** Statuses of two requests on one connection, and what the log says of them. */
function asked(name: string) {
  return async (stand: ConnectionStand) => {
    const lines: readonly Line[] = [
      { send: get },
      { hear: /\r\n\r\n/ },
      { send: get },
      { hear: /\r\n\r\n.*\r\n\r\n/s },
    ];
    const { received } = await talk(stand.port(name), lines, { stays: true });
    const statuses = [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    return { statuses, log: await stand.log(name, 2) };
  };
}

compareConnections({
  name: 'filter state of connections',
  certificates: true,
  listeners: {
    left: chain(state('who', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'), http('left')),
    nothing: chain(http('nothing')),
    both: chain(
      state('who', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'),
      http('both', set('own', '%FILTER_STATE(who:PLAIN)%!')),
    ),
    fixed: chain(http('fixed', set('own', 'one', true) + set('own', 'two'))),
    mixed: chain(http('mixed', set('own', 'one') + set('own', 'two', true))),
    kept: chain(
      state('who', '127.0.0.1'),
      http('kept', set('who', 'another') + set('own', '%FILTER_STATE(who:PLAIN)%')),
    ),
    named: chain(state('envoy.network.upstream_server_name', 'asked.test', '""'), tcp('named')),
  },
  clusters: `[{ name: named, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: named, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <namer> } } } }] }] }, transport_socket: { name: tls, typed_config: { "@type": ${EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext, sni: configured.test, common_tls_context: {} } } }]`,
  cases: [
    { name: 'routes and logs see it', run: asked('left'), wants: { statuses: ['200', '200'] } },
    { name: 'without it', run: asked('nothing'), wants: { statuses: ['404', '404'], log: ['404 - -', '404 - -'] } },
    { name: 'filters of requests see it and add their own', run: asked('both'), wants: { statuses: ['200', '200'] } },
    { name: 'what is read-only is replaced', run: asked('fixed'), wants: { log: ['404 - two', '404 - two'] } },
    { name: 'what is not may become so', run: asked('mixed'), wants: { log: ['404 - two', '404 - two'] } },
    {
      name: 'a request replaces nothing of its connection',
      run: asked('kept'),
      wants: { log: ['200 127.0.0.1 127.0.0.1', '200 127.0.0.1 127.0.0.1'] },
    },
    {
      name: 'the server name that is asked for',
      run: async (stand) => (await talk(stand.port('named'), [{ send: 'x' }, { hear: /:x/ }, { end: true }])).received,
      wants: 'asked.test:x',
    },
  ],
});
