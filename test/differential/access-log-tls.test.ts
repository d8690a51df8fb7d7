// What access logs say of TLS, on the client's side and on the upstream's.
import { expect, test } from 'vitest';
import { type Case, type CertificateFiles, get, type Suite } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { fileLog, linesOf } from './harness/log-file.ts';
import { observe } from './harness/observation.ts';

const COMMANDS = [
  ...['TLS_VERSION', 'TLS_CIPHER', 'PEER_URI_SAN', 'PEER_DNS_SAN', 'PEER_IP_SAN', 'PEER_EMAIL_SAN', 'PEER_SUBJECT'].map(
    (name) => `DOWNSTREAM_${name}`,
  ),
  ...['PEER_ISSUER', 'PEER_SERIAL', 'PEER_FINGERPRINT_256', 'PEER_FINGERPRINT_1', 'PEER_CERT', 'PEER_CERT_V_START'].map(
    (name) => `DOWNSTREAM_${name}`,
  ),
  ...[
    'PEER_CERT_V_END(%Y-%m-%d)',
    'LOCAL_URI_SAN',
    'LOCAL_DNS_SAN',
    'LOCAL_IP_SAN',
    'LOCAL_EMAIL_SAN',
    'LOCAL_SUBJECT',
  ].map((name) => `DOWNSTREAM_${name}`),
  ...['TLS_VERSION', 'TLS_CIPHER', 'SERVER_NAME', 'PEER_URI_SAN', 'PEER_DNS_SAN', 'PEER_IP_SAN', 'PEER_SUBJECT'].map(
    (name) => `UPSTREAM_${name}`,
  ),
  ...[
    'PEER_ISSUER',
    'PEER_CERT',
    'PEER_CERT_V_START',
    'PEER_CERT_V_END',
    'LOCAL_URI_SAN',
    'LOCAL_DNS_SAN',
    'LOCAL_IP_SAN',
  ].map((name) => `UPSTREAM_${name}`),
];
const members = COMMANDS.map((one) => `'${one}': '%${one}%'`).join(', ');
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const shown = (name: string) =>
  `tls_certificates: [{certificate_chain: {filename: <folder>/${name}.pem}, private_key: {filename: <folder>/${name}-key.pem}}]`;
/** One version and cipher: what is negotiated otherwise is the library's choice. */
const ONE =
  'tls_params: {tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_2, cipher_suites: [ECDHE-ECDSA-AES128-GCM-SHA256]}';
const TRUST = 'validation_context: {trusted_ca: {filename: <folder>/ca.pem}}';

const suite: Suite = {
  name: 'access log of TLS',
  certificates: true,
  listeners: {
    front: {
      manager: `access_log:${fileLog('tls', `{json_format: {case: '%REQ(X-CASE)%', ${members}}}`)}`,
      chain: `transport_socket: {name: tls, typed_config: {'@type': ${TLS}.DownstreamTlsContext, common_tls_context: {${shown('server')}, ${TRUST}, ${ONE}}}}`,
    },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {match: {prefix: /secure}, route: {cluster: good}}
  - {match: {prefix: /plain}, route: {cluster: a}}
`,
  clusters: `
- name: good
  type: STATIC
  connect_timeout: 1s
  load_assignment: {cluster_name: good, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: <secure>}}}}]}]}
  transport_socket: {name: tls, typed_config: {'@type': ${TLS}.UpstreamTlsContext, sni: server.test, common_tls_context: {${shown('client')}, ${TRUST}, ${ONE}}}}
`,
  cases: [],
};

const as = (name: string) => (files: CertificateFiles) => ({
  ca: files['ca'],
  servername: 'server.test',
  ...(name === '' ? {} : { cert: files[name], key: files[`${name}-key`] }),
});

const CASES: readonly Pick<Case, 'name' | 'tls' | 'send'>[] = [
  { name: 'both ends show certificates', tls: as('client'), send: get('/secure') },
  { name: 'a certificate of an address', tls: as('addressed'), send: get('/plain') },
  { name: 'a client that shows none, to a plain upstream', tls: as(''), send: get('/plain') },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES.map((one, index) => ({ ...one, id: `case-${index}` })))('$name', async ({ id, ...one }) => {
    const { reference, ours } = pair();
    await Promise.all([reference, ours].map((stand) => observe(stand, { ...one, wants: { status: 200 } }, id)));
    const [theirs, mine] = await linesOf(pair(), 'tls', id);
    expect(mine!.map((line) => JSON.parse(line) as unknown)).toEqual(
      theirs!.map((line) => JSON.parse(line) as unknown),
    );
  });
});
