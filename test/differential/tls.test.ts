// TLS without HTTP on it: certificates by name, what is asked of clients, versions and ciphers, sessions, and TLS passed through or begun here.
import { createHash, X509Certificate } from 'node:crypto';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { expect } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import type { CertificateFiles } from './harness/case.ts';
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const NETWORK = 'type.googleapis.com/envoy.extensions.filters.network';
const FILTER = 'type.googleapis.com/envoy.extensions.filters.listener';
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

const tcp = (cluster: string) =>
  `{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ${cluster} } }`;
const certificate = (name: string, more = '') =>
  `{ certificate_chain: { filename: <folder>/${name}.pem }, private_key: { filename: <folder>/${name}-key.pem }${more} }`;
const own = (...names: string[]) => `tls_certificates: [${names.map((name) => certificate(name)).join(', ')}]`;

/** A listener that ends TLS before an echo. */
function secured(common: string, fields = ''): string {
  return `filter_chains: [{ filters: [${tcp('a')}], transport_socket: { name: tls, typed_config: { "@type": ${TLS}.DownstreamTlsContext, ${fields === '' ? '' : `${fields}, `}common_tls_context: { ${common} } } } }]`;
}

const verified = (context: string) =>
  secured(`${own('server')}, validation_context: { ${context} }`, 'require_client_certificate: true');
const TRUST = 'trusted_ca: { filename: <folder>/ca.pem }';
const san = (type: string, matcher: string) =>
  `${TRUST}, match_typed_subject_alt_names: [{ san_type: ${type}, matcher: { ${matcher} } }]`;

/** A cluster that speaks TLS to the upstream `secure`. */
function cluster(name: string, common: string, fields = 'sni: server.test'): string {
  return `{ name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <secure> } } } }] }] }, transport_socket: { name: tls, typed_config: { "@type": ${TLS}.UpstreamTlsContext, ${fields}, common_tls_context: { ${common} } } } }`;
}

const domains = (...names: (readonly [domain: string, file: string])[]) =>
  `custom_validator_config: { name: envoy.tls.cert_validator.spiffe, typed_config: { "@type": ${TLS}.SPIFFECertValidatorConfig, trust_domains: [${names.map(([domain, file]) => `{ name: ${domain}, trust_bundle: { filename: <folder>/${file}.pem } }`).join(', ')}] } }`;

const CIPHERS = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'];
const ORDERED = `tls_params: { tls_maximum_protocol_version: TLSv1_2, cipher_suites: [${CIPHERS.join(', ')}] }`;

/** The cipher of a client that wants the last of ours first. */
async function cipherOf(stand: ConnectionStand, listener: string): Promise<string> {
  const socket = connect({
    port: stand.port(listener),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    servername: 'web.test',
    ciphers: CIPHERS.toReversed().join(':'),
  });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const { name } = socket.getCipher();
  socket.destroy();
  return name;
}

const listeners: Readonly<Record<string, string>> = {
  plain: secured(own('server')),
  named: secured(own('server', 'web', 'wild')),
  through: `listener_filters: [{ name: i, typed_config: { "@type": ${FILTER}.tls_inspector.v3.TlsInspector } }]
filter_chains: [{ filter_chain_match: { server_names: [secure.test] }, filters: [${tcp('secure')}] }, { filter_chain_match: { server_names: ["*.clusters"] }, filters: [{ name: s, typed_config: { "@type": ${NETWORK}.sni_cluster.v3.SniCluster } }, ${tcp('a')}] }]`,
  mutual: verified(TRUST),
  dns: verified(san('DNS', 'exact: client.test')),
  'ip-address': verified(san('IP_ADDRESS', 'exact: 10.0.0.7')),
  uri: verified(san('URI', 'prefix: "spiffe://cluster.local/"')),
  revoked: verified(`${TRUST}, crl: { filename: <folder>/crl.pem }`),
  untrusted: verified(`${TRUST}, trust_chain_verification: ACCEPT_UNTRUSTED`),
  spiffe: verified(domains(['cluster.local', 'ca'], ['other.domain', 'other-ca'])),
  hash: verified('verify_certificate_hash: ["<fingerprint>"]'),
  spki: verified('verify_certificate_spki: ["<keyhash>"]'),
  old: secured(`${own('server')}, tls_params: { tls_maximum_protocol_version: TLSv1_2 }`),
  strong: secured(
    `${own('server')}, tls_params: { tls_maximum_protocol_version: TLSv1_2, cipher_suites: ["[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]"] }`,
  ),
  'our-order': secured(`${own('server')}, ${ORDERED}`),
  'client-order': secured(`${own('server', 'web')}, ${ORDERED}`, 'prefer_client_ciphers: true'),
  curve: secured(`${own('server')}, tls_params: { ecdh_curves: [P-384] }`),
  fips: secured(`${own('server')}, tls_params: { ecdh_curves: [X25519], compliance_policies: [FIPS_202205] }`),
  tickets: secured(own('server')),
  ticketless: secured(
    own('server'),
    'disable_stateless_session_resumption: true, disable_stateful_session_resumption: true',
  ),
  alpn: secured(`${own('server')}, alpn_protocols: [first, second]`),
  'asks-name': secured(own('server', 'wild'), 'require_sni: true'),
  signs: verified(TRUST),
  'key-log': secured(`${own('server')}, key_log: { path: <folder>/keys.log }`),
  'key-log-elsewhere': secured(
    `${own('server')}, key_log: { path: <folder>/keys.log, remote_address_range: [{ address_prefix: 10.0.0.0, prefix_len: 8 }] }`,
  ),
  begun: `filter_chains: [{ filters: [${tcp('begun')}] }]`,
  'begun-wrong': `filter_chains: [{ filters: [${tcp('begun-wrong')}] }]`,
  'begun-hash': `filter_chains: [{ filters: [${tcp('begun-hash')}] }]`,
};

const as =
  (name: string, more: ConnectionOptions = {}) =>
  (files: CertificateFiles): ConnectionOptions => ({ cert: files[name]!, key: files[`${name}-key`]!, ...more });
const hello: readonly Line[] = [{ send: 'hello' }, { hear: /hello/ }, { end: true }];

function spoken(listener: string, tls: (files: CertificateFiles) => ConnectionOptions, stat?: string) {
  return async (stand: ConnectionStand) => {
    const { received, ended, tls: agreed } = await talk(stand.port(listener), hello, { tls: tls(stand.files) });
    const counted = stat === undefined ? {} : { [stat]: await stand.stat(`listener.${listener}.ssl.${stat}`, 1) };
    // Under TLS 1.3 a client hears of its refusal when it thinks it is connected; how it ends is a matter of timing.
    const let_in = received !== '';
    return { received, ...counted, ...(let_in ? { ended, ...agreed } : {}) };
  };
}

const admits = (
  name: string,
  listener: string,
  tls: (files: CertificateFiles) => ConnectionOptions,
  more: object = {},
): ConnectionCase => ({
  name,
  run: spoken(listener, tls),
  wants: { received: 'a:hello', ...more },
});
const refuses = (
  name: string,
  listener: string,
  tls: (files: CertificateFiles) => ConnectionOptions,
  stat: string,
): ConnectionCase => ({
  name,
  run: spoken(listener, tls, stat),
  wants: { received: '', [stat]: 1 },
});
const nobody =
  (more: ConnectionOptions = {}) =>
  () =>
    more;
const shown = (name: string, servername: string, dns: string): ConnectionCase =>
  admits(name, 'named', nobody({ servername }), { subject: expect.stringContaining(dns) });

/** Connects twice, the second time with what the first one got. */
async function twice(stand: ConnectionStand, listener: string): Promise<boolean> {
  let session: Buffer | undefined;
  const open = (options: ConnectionOptions): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: stand.port(listener), rejectUnauthorized: false, ...options },
        () => resolve(socket),
      );
      socket.on('session', (ticket) => {
        session = ticket;
      });
      socket.once('error', reject);
    });
  const speak = async (socket: TLSSocket): Promise<void> => {
    let answered = false;
    socket.on('data', () => {
      answered = true;
    });
    socket.write('x');
    await waitFor('an answer', () => answered);
    socket.destroy();
  };
  await speak(await open({}));
  const second = await open(session === undefined ? {} : { session });
  const reused = second.isSessionReused();
  await speak(second);
  return reused;
}

/** Of a handshake of TLS 1.3. */
const SECRETS = [
  'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  'CLIENT_TRAFFIC_SECRET_0',
  'EXPORTER_SECRET',
  'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  'SERVER_TRAFFIC_SECRET_0',
];

const cases: ConnectionCase[] = [
  { name: 'the server chooses the cipher', run: (stand) => cipherOf(stand, 'our-order'), wants: CIPHERS[0] },
  { name: 'or the client', run: (stand) => cipherOf(stand, 'client-order'), wants: CIPHERS[1] },
  admits('ended here', 'plain', nobody(), { version: 'TLSv1.3', reused: false }),
  {
    name: 'handshakes are counted',
    async run(stand) {
      await talk(stand.port('alpn'), hello, { tls: {} });
      return await stand.stat('listener.alpn.ssl.handshake', 1);
    },
    wants: 1,
  },
  shown('certificate by name', 'web.test', 'web.test'),
  shown('certificate by wildcard', 'x.wild.test', '*.wild.test'),
  shown('a wildcard stands for one label', 'y.x.wild.test', 'server.test'),
  shown('the first for a name of nobody', 'nobody.test', 'server.test'),
  admits('protocol of the server’s choice', 'alpn', nobody({ ALPNProtocols: ['second', 'first'] }), { alpn: 'first' }),
  admits('client of the mesh', 'mutual', as('client')),
  refuses('client of strangers', 'mutual', as('stranger'), 'fail_verify_error'),
  refuses('client without a certificate', 'mutual', nobody(), 'fail_verify_no_cert'),
  admits('DNS name', 'dns', as('client')),
  refuses('another DNS name', 'dns', as('other'), 'fail_verify_san'),
  admits('IP address', 'ip-address', as('addressed')),
  refuses('no IP address', 'ip-address', as('client'), 'fail_verify_san'),
  admits('URI', 'uri', as('client')),
  refuses('no URI', 'uri', as('web'), 'fail_verify_san'),
  admits('certificate hash', 'hash', as('client')),
  refuses('another hash', 'hash', as('other'), 'fail_verify_cert_hash'),
  admits('key hash', 'spki', as('client')),
  refuses('another key', 'spki', as('other'), 'fail_verify_cert_hash'),
  admits('not revoked', 'revoked', as('client')),
  refuses('revoked', 'revoked', as('other'), 'fail_verify_error'),
  admits('untrusted, where all are accepted', 'untrusted', as('stranger')),
  admits('of its trust domain', 'spiffe', as('client')),
  admits('of another trust domain', 'spiffe', as('foreign')),
  refuses('signed by the wrong domain', 'spiffe', as('pretender'), 'fail_verify_error'),
  admits('old version', 'old', nobody(), { version: 'TLSv1.2' }),
  refuses('too new a version', 'old', nobody({ minVersion: 'TLSv1.3' }), 'connection_error'),
  admits('a cipher of the list', 'strong', nobody({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' })),
  refuses('a cipher of no list', 'strong', nobody({ ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }), 'connection_error'),
  admits('a curve of the list', 'curve', nobody({ ecdhCurve: 'P-384' })),
  refuses('a curve of no list', 'curve', nobody({ ecdhCurve: 'X25519' }), 'connection_error'),
  admits('a group of the policy', 'fips', nobody({ ecdhCurve: 'P-384' })),
  admits('a cipher of the policy', 'fips', nobody({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384', maxVersion: 'TLSv1.2' })),
  refuses('a group that the policy does not know', 'fips', nobody({ ecdhCurve: 'X25519' }), 'connection_error'),
  {
    name: 'a cipher that the policy does not know',
    async run(stand) {
      const tls = { ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305', maxVersion: 'TLSv1.2' } as const;
      return (await talk(stand.port('fips'), hello, { tls })).ended;
    },
    wants: 'refused',
  },
  {
    name: 'sessions are resumed',
    async run(stand) {
      const reused = await twice(stand, 'tickets');
      return { reused, counted: await stand.stat('listener.tickets.ssl.session_reused', 1) };
    },
    wants: { reused: true, counted: 1 },
  },
  admits('a name that a certificate is for', 'asks-name', nobody({ servername: 'x.wild.test' })),
  ...[nobody(), nobody({ servername: 'nobody.test' })].map(
    (tls, i): ConnectionCase => ({
      ...admits(i === 0 ? 'no name where one is required' : 'a name of nobody where one is required', 'asks-name', tls),
      accepted: { reason: 'Envoy knows the field, and does nothing with it', ours: { received: '' } },
    }),
  ),
  {
    name: 'signatures of clients are counted',
    async run(stand) {
      await talk(stand.port('signs'), hello, { tls: as('client')(stand.files) });
      return await stand.stat('listener.signs.ssl.sigalgs.ecdsa_secp256r1_sha256', 1);
    },
    wants: 1,
  },
  {
    name: 'keys are written, of the connections that are asked for',
    async run(stand) {
      await talk(stand.port('key-log-elsewhere'), hello, { tls: {} });
      await talk(stand.port('key-log'), hello, { tls: {} });
      const lines = (await stand.log('keys', SECRETS.length)).map((line) => line.split(' '));
      return {
        secrets: lines.map(([label]) => label).sort(),
        connections: new Set(lines.map(([, random]) => random)).size,
      };
    },
    wants: { secrets: SECRETS, connections: 1 },
  },
  { name: 'sessions are not resumed without tickets', run: (stand) => twice(stand, 'ticketless'), wants: false },
  {
    name: 'passed through by name',
    async run(stand) {
      const { received, tls } = await talk(stand.port('through'), hello, { tls: { servername: 'secure.test' } });
      return { received, subject: tls?.subject };
    },
    wants: { received: 'secure:hello', subject: expect.stringContaining('server.test') },
  },
  {
    name: 'a name that is a cluster',
    async run(stand) {
      const { received } = await talk(stand.port('through'), hello, { tls: { servername: 'secure.clusters' } });
      return received;
    },
    wants: 'secure:hello',
  },
  {
    name: 'begun here',
    run: async (stand) => (await talk(stand.port('begun'), hello)).received,
    wants: 'secure:hello',
  },
  {
    name: 'begun here, to a server of another name',
    async run(stand) {
      const { received } = await talk(stand.port('begun-wrong'), [{ send: 'x' }]);
      return { received, counted: await stand.stat('cluster.begun-wrong.ssl.fail_verify_san', 1) };
    },
    wants: { received: '', counted: 1 },
  },
  {
    name: 'begun here, to a certificate that is not pinned',
    async run(stand) {
      const { received } = await talk(stand.port('begun-hash'), [{ send: 'x' }]);
      return { received, counted: await stand.stat('cluster.begun-hash.ssl.fail_verify_cert_hash', 1) };
    },
    wants: { received: '', counted: 1 },
  },
];

const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;

function keyHashOf(pem: string): string {
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

compareConnections({
  name: 'tls',
  certificates: true,
  listeners,
  holes: (files) => ({ fingerprint: fingerprintOf(files['client']!), keyhash: keyHashOf(files['client']!) }),
  clusters: `
- ${cluster('begun', `validation_context: { ${san('DNS', 'exact: server.test')} }`)}
- ${cluster('begun-wrong', `validation_context: { ${san('DNS', 'exact: other.test')} }`)}
- ${cluster('begun-hash', 'validation_context: { verify_certificate_hash: ["<fingerprint>"] }')}
- { name: secure.clusters, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: secure.clusters, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <secure> } } } }] }] } }
`,
  cases,
});
