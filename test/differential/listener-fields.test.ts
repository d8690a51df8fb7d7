// Fields of listeners, chains and TLS contexts that say what becomes of connections: which certificate, how long a handshake may take, who drains.
import { connect } from 'node:net';
import { expect } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { LISTENER_FILTER, NETWORK } from './harness/chains.ts';
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { talk } from './harness/talk.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const tcp = `{ name: t, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a } }`;
const certificate = (name: string) =>
  `{ certificate_chain: { filename: <folder>/${name}.pem }, private_key: { filename: <folder>/${name}-key.pem } }`;
const secured = (names: readonly string[], fields = '', chain = '') =>
  `filter_chains: [{ filters: [${tcp}], ${chain}transport_socket: { name: tls, typed_config: { "@type": ${TLS}, ${fields}common_tls_context: { tls_certificates: [${names.map(certificate).join(', ')}] } } } }]`;
const inspected = (fields: string) =>
  `listener_filters: [{ name: i, typed_config: { "@type": ${LISTENER_FILTER}.tls_inspector.v3.TlsInspector${fields} } }]\nfilter_chains: [{ filters: [${tcp}] }]`;
const web = (fields: string) =>
  `${fields}filter_chains: [{ filters: [{ name: h, typed_config: { "@type": ${NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, http_filters: [{ name: router, typed_config: { "@type": ${ROUTER} } }], route_config: { virtual_hosts: [{ name: v, domains: ["*"], routes: [{ match: { prefix: / }, direct_response: { status: 200 } }] }] } } }] }]`;

const shown = (listener: string, servername: string, dns: string): ConnectionCase => ({
  name: `${listener}: ${servername === '' ? 'no name' : servername} gets ${dns}`,
  async run(stand) {
    const lines = [{ send: 'x' }, { hear: /x/ }, { end: true as const }];
    const { tls } = await talk(stand.port(listener), lines, { tls: { servername } });
    return tls?.subject;
  },
  wants: expect.stringContaining(dns),
});

/** Whether answers end their connection while health checks fail. */
async function answersWhileUnwell(stand: ConnectionStand, listener: string): Promise<unknown> {
  const admin = `http://127.0.0.1:${stand.port('admin')}`;
  await fetch(`${admin}/healthcheck/fail`, { method: 'POST' });
  try {
    const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
    const lines = [{ send: request }, { hear: /200 OK[\s\S]*\r\n\r\n/ }];
    const { received } = await talk(stand.port(listener), lines, { stays: true });
    return /^connection: close\r$/m.test(received);
  } finally {
    await fetch(`${admin}/healthcheck/ok`, { method: 'POST' });
  }
}

compareConnections({
  name: 'listener fields',
  certificates: true,
  listeners: {
    first: secured(['rsa', 'server', 'web']),
    scanned: secured(['rsa', 'server', 'web'], 'full_scan_certs_on_sni_mismatch: true, '),
    hurried: secured(['server'], '', 'transport_socket_connect_timeout: 0.2s, '),
    drains: web(''),
    modified: web('drain_type: MODIFY_ONLY\n'),
    inspected: inspected(''),
    short: inspected(', max_client_hello_size: 256'),
    'only-tls': inspected(', close_connection_on_client_hello_parsing_errors: true'),
    rated: `listener_filters: [{ name: l, typed_config: { "@type": ${LISTENER_FILTER}.local_ratelimit.v3.LocalRateLimit, stat_prefix: rated, token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: 600s } } }]\nfilter_chains: [{ filters: [${tcp}] }]`,
    single: `max_connections_to_accept_per_socket_event: 1\nfilter_chains: [{ filters: [${tcp}] }]`,
  },
  cases: [
    shown('first', 'web.test', 'web.test'),
    shown('first', 'unknown.test', 'rsa.test'),
    shown('first', '', 'server.test'),
    shown('scanned', 'web.test', 'web.test'),
    shown('scanned', 'unknown.test', 'server.test'),
    {
      name: 'a handshake that takes too long',
      async run(stand) {
        const socket = connect(stand.port('hurried'), '127.0.0.1');
        let ended = false;
        socket.on('error', () => socket.destroy());
        socket.once('close', () => {
          ended = true;
        });
        socket.resume();
        await waitFor('the end', () => ended);
        const counter = 'downstream_cx_transport_socket_connect_timeout';
        return await stand.stat(`listener.hurried.${counter}`, 1);
      },
      wants: 1,
    },
    {
      name: 'one that does not',
      run: async (stand) =>
        (await talk(stand.port('hurried'), [{ send: 'x' }, { hear: /x/ }, { end: true }], { tls: {} })).received,
      wants: 'a:x',
    },
    { name: 'answers while unwell', run: (stand) => answersWhileUnwell(stand, 'drains'), wants: true },
    { name: 'but not where only changes drain', run: (stand) => answersWhileUnwell(stand, 'modified'), wants: false },
    {
      name: 'a hello that is too long',
      async run(stand) {
        const { ended } = await talk(stand.port('short'), [], { tls: { servername: 'a.test' } });
        return { ended, counted: await stand.stat('tls_inspector.client_hello_too_large', 1) };
      },
      wants: { ended: 'refused', counted: 1 },
    },
    ...['inspected', 'only-tls'].map((listener) => ({
      name: `${listener}: without TLS`,
      run: async (stand: ConnectionStand) =>
        (await talk(stand.port(listener), [{ send: 'no hello' }, { hear: /no hello/ }, { end: true }])).received,
      wants: listener === 'inspected' ? 'a:no hello' : '',
    })),
    {
      name: 'so many connections, and no more',
      async run(stand) {
        const said: string[] = [];
        for (let turn = 0; turn < 4; turn += 1) {
          const lines = [{ send: 'x' }, { hear: /x/ }, { end: true as const }];
          said.push((await talk(stand.port('rated'), lines)).received);
        }
        return { said, counted: await stand.stat('listener_local_ratelimit.rated.rate_limited', 2) };
      },
      wants: { said: ['a:x', 'a:x', '', ''], counted: 2 },
    },
    {
      name: 'connections that are accepted one by one',
      async run(stand) {
        const said = Array.from({ length: 5 }, () =>
          talk(stand.port('single'), [{ send: 'x' }, { hear: /x/ }, { end: true }]),
        );
        return (await Promise.all(said)).map(({ received }) => received);
      },
      wants: Array.from({ length: 5 }, () => 'a:x'),
    },
  ],
});
