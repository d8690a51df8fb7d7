// How handshakes end, on both sides: what is counted, what logs say, what a client hears.
import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect, type TlsOptions } from 'node:tls';
import { expect } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import type { CertificateFiles } from './harness/case.ts';
import { NETWORK } from './harness/chains.ts';
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { RawUpstream } from './harness/raw-upstream.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';

const own = (name: string) =>
  `tls_certificates: [{ certificate_chain: { filename: <folder>/${name}.pem }, private_key: { filename: <folder>/${name}-key.pem } }]`;
const log = (name: string, format: string) =>
  `access_log: [{ name: file, typed_config: { "@type": ${FILE}, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "${format}\\n" } } } }]`;
const trusting = (more = '') => `validation_context: { trusted_ca: { filename: <folder>/ca.pem }${more} }`;
const named = (name: string) => `, match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: ${name} } }]`;
const REVOKES = ', crl: { filename: <folder>/crl.pem }';
const PINNED = `, verify_certificate_hash: ["${'ab'.repeat(32)}"]`;
/** What is agreed otherwise is the libraries' choice. */
const params = (version: string, more = '') =>
  `tls_params: { tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: ${version}${more} }`;
const MODERN = params('TLSv1_3', ', ecdh_curves: [P-256]');
const OLD = params('TLSv1_2', ', ecdh_curves: [P-256], cipher_suites: [ECDHE-ECDSA-AES128-GCM-SHA256]');

const CIPHERS = 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256';

type Show = (files: CertificateFiles) => ConnectionOptions;
const as =
  (name: string): Show =>
  (files) => ({ cert: files[name]!, key: files[`${name}-key`]!, ciphers: CIPHERS });
const nobody =
  (more: ConnectionOptions = {}): Show =>
  () =>
    more;

const required = (more = '', parameters = MODERN) =>
  `require_client_certificate: true, common_tls_context: { ${own('server')}, ${parameters}, ${trusting(more)} }`;
const shownOnly = (parameters = MODERN) => `common_tls_context: { ${own('server')}, ${parameters} }`;

/** What is counted of it; null: no failure of TLS. */
type Counter = string | null;

/** Clients of listeners: what each listener asks, and what its client has. A text is said without TLS. */
const CLIENTS: Readonly<Record<string, readonly [asks: string, has: Show | string, counter: Counter]>> = {
  good: [required(), as('client'), 'handshake'],
  'good, older': [required('', OLD), as('client'), 'handshake'],
  'shows nothing, and need not': [shownOnly(), nobody({ ciphers: CIPHERS }), 'no_certificate'],
  expired: [required(), as('expired'), 'fail_verify_error'],
  'not yet valid': [required(), as('future'), 'fail_verify_error'],
  'of strangers': [required(), as('stranger'), 'fail_verify_error'],
  'for servers only': [required(), as('server-only'), 'fail_verify_error'],
  'signed by itself': [required(), as('self'), 'fail_verify_error'],
  'with a key that may not sign': [required(), as('silent'), 'connection_error'],
  revoked: [required(REVOKES), as('other'), 'fail_verify_error'],
  'of another name': [required(named('x.test')), as('client'), 'fail_verify_san'],
  'not pinned': [required(PINNED), as('client'), 'fail_verify_cert_hash'],
  'without a certificate': [required(), nobody(), 'fail_verify_no_cert'],
  'without a certificate, older': [required('', OLD), nobody(), 'fail_verify_no_cert'],
  'too old': [
    `common_tls_context: { ${own('server')}, tls_params: { tls_minimum_protocol_version: TLSv1_3 } }`,
    nobody({ maxVersion: 'TLSv1.2' }),
    'connection_error',
  ],
  'too new': [shownOnly(OLD), nobody({ minVersion: 'TLSv1.3' }), 'connection_error'],
  'of another cipher': [
    shownOnly(OLD),
    nobody({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384', maxVersion: 'TLSv1.2' }),
    'connection_error',
  ],
  'of another group': [shownOnly(), nobody({ ecdhCurve: 'X25519', minVersion: 'TLSv1.3' }), 'connection_error'],
  'of other signatures': [shownOnly(), nobody({ sigalgs: 'RSA-PSS+SHA256' }), 'connection_error'],
  'speaks HTTP': [shownOnly(), 'GET / HTTP/1.1\r\n\r\n', 'connection_error'],
  'speaks something else': [shownOnly(), 'no hello\r\n', 'connection_error'],
  'says nothing and goes': [shownOnly(), '', null],
  'goes in the middle': [shownOnly(), '\x16\x03\x01\x02\x00', null],
};

/** Clusters: which endpoint, and what is asked of it. */
const SERVERS: Readonly<Record<string, readonly [endpoint: string, asks: string, counter: Counter]>> = {
  good: ['shows_server', trusting(), 'handshake'],
  'good, not looked at': ['shows_server', '', 'handshake'],
  expired: ['shows_expired', trusting(), 'fail_verify_error'],
  'not yet valid': ['shows_future', trusting(), 'fail_verify_error'],
  'of strangers': ['shows_stranger', trusting(), 'fail_verify_error'],
  'for clients only': ['shows_client', trusting(), 'fail_verify_error'],
  'signed by itself': ['shows_self', trusting(), 'fail_verify_error'],
  revoked: ['shows_other', trusting(REVOKES), 'fail_verify_error'],
  'of another name': ['shows_server', trusting(named('x.test')), 'fail_verify_san'],
  'not pinned': ['shows_server', trusting(PINNED), 'fail_verify_cert_hash'],
  'too new': ['speaks_new', trusting(), 'connection_error'],
  'of another protocol': ['speaks_bar', `${trusting()}, alpn_protocols: [foo]`, 'connection_error'],
  'asks for a certificate': ['asks', trusting(), 'connection_error'],
  'without TLS': ['a', trusting(), 'connection_error'],
  'speaks first, without TLS': ['greeter', trusting(), 'connection_error'],
  'hangs up': ['resetter', trusting(), null],
  'not there': ['dead', trusting(), null],
};

const serverOf =
  (name: string, certificate: string, more: TlsOptions = {}) =>
  (files: CertificateFiles) =>
    RawUpstream.start(name, 'web', { cert: files[certificate]!, key: files[`${certificate}-key`]!, ...more });

const upstreams = [
  ...['server', 'expired', 'future', 'stranger', 'self', 'other'].map((name) => serverOf(`shows_${name}`, name)),
  serverOf('shows_client', 'client-only'),
  serverOf('speaks_new', 'server', { minVersion: 'TLSv1.3' }),
  serverOf('speaks_bar', 'server', { ALPNProtocols: ['bar'] }),
  serverOf('asks', 'server', { requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' }),
];

const placeOf = (name: string) => name.replaceAll(/\W+/g, '-');
const DOWN = (name: string) => `client-${placeOf(name)}`;
const UP = (name: string) => `server-${placeOf(name)}`;

function ending(name: string): string {
  const [asks] = CLIENTS[name]!;
  const tcp = `{ name: t, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a } }`;
  const socket = `{ name: tls, typed_config: { "@type": ${TLS}.DownstreamTlsContext, ${asks} } }`;
  return `${log(DOWN(name), '%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_TRANSPORT_FAILURE_REASON%')}\nfilter_chains: [{ name: c, filters: [${tcp}], transport_socket: ${socket} }]`;
}

function beginning(name: string): string {
  const format = '%RESPONSE_FLAGS% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%';
  return `filter_chains: [{ filters: [{ name: h, typed_config: { "@type": ${NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, ${log(UP(name), format)}, http_filters: [{ name: router, typed_config: { "@type": ${ROUTER} } }], route_config: { virtual_hosts: [{ name: v, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: ${UP(name)} } }] }] } } }] }]`;
}

function cluster(name: string): string {
  const [endpoint, asks] = SERVERS[name]!;
  const address = `{ socket_address: { address: 127.0.0.1, port_value: <${endpoint}> } }`;
  const common = [OLD, asks].filter(Boolean).join(', ');
  const socket = `{ name: tls, typed_config: { "@type": ${TLS}.UpstreamTlsContext, sni: server.test, common_tls_context: { ${common} } } }`;
  return `{ name: ${UP(name)}, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: ${UP(name)}, endpoints: [{ lb_endpoints: [{ endpoint: { address: ${address} } }] }] }, transport_socket: ${socket} }`;
}

/** What is counted of handshakes where something is, by the last part of its name. The rest only Envoy's library tells. */
async function counted(stand: ConnectionStand, scope: string): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://127.0.0.1:${stand.port('admin')}/stats?usedonly`)).text();
  const figures = [...text.matchAll(/^(\S+): (\d+)$/gm)].map(([, name, value]) => [name!, Number(value)] as const);
  const told = /\.(?:ssl\.(?!certificate\.|sigalgs\.).*|upstream_cx_connect_fail)$/;
  const untold = scope.startsWith('listener') ? /\.ssl\.curves\./ : /^$/;
  return Object.fromEntries(
    figures
      .filter(([name, value]) => value > 0 && name.startsWith(`${scope}.`) && told.test(name) && !untold.test(name))
      .map(([name, value]) => [name.slice(scope.length + 1), value]),
  );
}

/** Those in which the counter is: it may come after the line of the log. null: as they are. */
async function countedWith(stand: ConnectionStand, scope: string, counter: Counter) {
  if (counter === null) return counted(stand, scope);
  return waitFor(`ssl.${counter} of ${scope}`, async () => {
    const figures = await counted(stand, scope);
    return `ssl.${counter}` in figures && figures;
  });
}

/** Tries a handshake, says a word, and goes when it is answered, refused, or told what it came for. */
async function knock(port: number, has: Show | string, files: CertificateFiles): Promise<string> {
  const isPlain = typeof has === 'string';
  const socket = isPlain
    ? connectPlain(port, '127.0.0.1')
    : connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'server.test', ...has(files) });
  let heard = '';
  socket.on('data', (bytes: Buffer) => {
    heard ||= isPlain ? '' : String(bytes);
    socket.end();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    heard ||= error.code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' ? 'a certificate is required' : '';
  });
  let closed = false;
  socket.once('close', () => {
    closed = true;
  });
  socket.write(isPlain ? has : 'hello', 'latin1');
  if (isPlain && has.length < 6) socket.end();
  await waitFor('the end of the connection', () => closed || socket.readableEnded);
  socket.destroy();
  return heard;
}

async function fromClient(stand: ConnectionStand, name: string): Promise<unknown> {
  const port = stand.port(DOWN(name));
  const [, has, counter] = CLIENTS[name]!;
  const heard = await knock(port, has, stand.files);
  const lines = await stand.log(DOWN(name));
  return { heard, lines, counted: await countedWith(stand, `listener.127.0.0.1_${port}`, counter) };
}

async function toServer(stand: ConnectionStand, name: string): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${stand.port(UP(name))}/`);
  const said = await answer.text();
  const lines = await stand.log(UP(name));
  return {
    status: answer.status,
    said,
    lines,
    counted: await countedWith(stand, `cluster.${UP(name)}`, SERVERS[name]![2]),
  };
}

/** All at once: logs are written once a second. */
const stories = new WeakMap<ConnectionStand, Readonly<Record<string, Promise<unknown>>>>();

function storyOf(stand: ConnectionStand, title: string): Promise<unknown> {
  const all = stories.get(stand) ?? tellAll(stand);
  stories.set(stand, all);
  return all[title]!;
}

function tellAll(stand: ConnectionStand): Readonly<Record<string, Promise<unknown>>> {
  return Object.fromEntries([
    ...Object.keys(CLIENTS).map((name) => [`a client: ${name}`, fromClient(stand, name)]),
    ...Object.keys(SERVERS).map((name) => [`a server: ${name}`, toServer(stand, name)]),
  ]);
}

const caseOf = (title: string, name: string, counter: Counter): ConnectionCase => ({
  name: title,
  run: (stand) => storyOf(stand, title),
  ...wanted(name, counter),
});

/** Who signs itself is told apart from strangers here. */
function wanted(name: string, counter: Counter): Pick<ConnectionCase, 'wants' | 'accepted'> {
  const wants = {
    counted: counter === null ? expect.not.objectContaining({ 'ssl.connection_error': 1 }) : { [`ssl.${counter}`]: 1 },
  };
  if (name !== 'signed by itself') return { wants };
  const ours = { ...wants, lines: [expect.stringContaining('self-signed_certificate')] };
  return { wants, accepted: { reason: 'a certificate that signs itself is no stranger’s', ours } };
}

compareConnections({
  name: 'handshakes',
  certificates: true,
  upstreams: (files) => upstreams.map((start) => start(files)),
  listeners: Object.fromEntries([
    ...Object.keys(CLIENTS).map((name) => [DOWN(name), ending(name)]),
    ...Object.keys(SERVERS).map((name) => [UP(name), beginning(name)]),
  ]),
  clusters: `[${Object.keys(SERVERS).map(cluster).join(', ')}]`,
  cases: [
    ...Object.entries(CLIENTS).map(([name, [, , counter]]) => caseOf(`a client: ${name}`, name, counter)),
    ...Object.entries(SERVERS).map(([name, [, , counter]]) => caseOf(`a server: ${name}`, name, counter)),
  ],
});
