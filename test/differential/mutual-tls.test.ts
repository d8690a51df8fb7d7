// Identities: who may connect, what is told about the client, whom the proxy trusts upstream.
import type { ConnectionOptions } from 'node:tls';
import { type Case, type CertificateFiles, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const DOWNSTREAM = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const UPSTREAM = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
const RBAC = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
const CLIENT = 'spiffe://cluster.local/ns/test/sa/client';

function tls(fields: string, validation: string): string {
  return `
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": ${DOWNSTREAM}
    ${fields}
    common_tls_context:
      tls_certificates: [{ certificate_chain: { filename: <folder>/server.pem }, private_key: { filename: <folder>/server-key.pem } }]
      ${validation}
`;
}

const TRUST = 'validation_context: { trusted_ca: { filename: <folder>/ca.pem } }';
const ONLY_CLIENT = `validation_context: { trusted_ca: { filename: <folder>/ca.pem }, match_typed_subject_alt_names: [{ san_type: URI, matcher: { exact: "${CLIENT}" } }] }`;
const strict = tls('require_client_certificate: true', TRUST);
const forward = (mode: string): string =>
  `{ forward_client_cert_details: ${mode}, set_current_client_cert_details: { subject: true, uri: true, dns: true } }`;
const identity = `[{ name: rbac, typed_config: { "@type": ${RBAC}, rules: { action: ALLOW, policies: { client: { permissions: [{ any: true }], principals: [{ authenticated: { principal_name: { exact: "${CLIENT}" } } }] } } } } }]`;

/** The upstream `secure` shows the certificate `server` and wants one of the same authority. */
const UPSTREAMS: readonly (readonly [name: string, port: string, context: string])[] = [
  ['good', '<secure>', secured(shown('client'), trusting('server'))],
  [
    'by-dns',
    '<secure>',
    secured(
      shown('client'),
      `validation_context: { trusted_ca: { filename: <folder>/ca.pem }, match_typed_subject_alt_names: [{ san_type: DNS, matcher: { suffix: .test } }] }`,
    ),
  ],
  ['wrong-name', '<secure>', secured(shown('client'), trusting('other'))],
  [
    'wrong-authority',
    '<secure>',
    secured(shown('client'), 'validation_context: { trusted_ca: { filename: <folder>/stranger.pem } }'),
  ],
  ['unshown', '<secure>', secured('', trusting('server'))],
  ['stranger', '<secure>', secured(shown('stranger'), trusting('server'))],
  ['plain-upstream', '<a>', secured(shown('client'), trusting('server'))],
];

function shown(name: string): string {
  return `tls_certificates: [{ certificate_chain: { filename: <folder>/${name}.pem }, private_key: { filename: <folder>/${name}-key.pem } }]`;
}

function trusting(name: string): string {
  return `validation_context: { trusted_ca: { filename: <folder>/ca.pem }, match_typed_subject_alt_names: [{ san_type: URI, matcher: { exact: "spiffe://cluster.local/ns/test/sa/${name}" } }] }`;
}

function secured(...common: string[]): string {
  return `{ "@type": ${UPSTREAM}, sni: server.test, common_tls_context: { ${common.filter(Boolean).join(', ')} } }`;
}

function upstream(name: string, port: string, context: string): string {
  const endpoint = `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`;
  const assignment = `{ cluster_name: ${name}, endpoints: [{ lb_endpoints: [${endpoint}] }] }`;
  const socket = `{ name: envoy.transport_sockets.tls, typed_config: ${context} }`;
  return `{ name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: ${assignment}, transport_socket: ${socket} }`;
}

type Show = (files: CertificateFiles) => ConnectionOptions;
const base = (files: CertificateFiles): ConnectionOptions => ({ ca: files['ca'], servername: 'server.test' });
const as =
  (name: string): Show =>
  (files) => ({ ...base(files), cert: files[name], key: files[`${name}-key`] });
const nobody: Show = base;

function admitted(
  name: string,
  listener: string,
  show: Show,
  headers: Record<string, string | null> = {},
  ...sent: string[]
): Case {
  return {
    name,
    listener,
    tls: show,
    send: get('/', ...sent),
    wants: { status: 200, reached: ['a'], seen: { headers } },
  };
}

function turnedAway(name: string, listener: string, show: Show): Case {
  return { name, listener, tls: show, send: get('/'), wants: { status: 'closed', reached: [] } };
}

compareWithEnvoy({
  name: 'mutual TLS',
  certificates: true,
  listeners: {
    open: {},
    strict: { chain: strict },
    named: { chain: tls('require_client_certificate: true', ONLY_CLIENT) },
    optional: { chain: tls('require_client_certificate: false', TRUST) },
    plain: { chain: tls('', '') },
    modern: { chain: tls('', 'tls_params: { tls_minimum_protocol_version: TLSv1_3 }') },
    told: { chain: strict, manager: forward('SANITIZE_SET') },
    appended: { chain: strict, manager: forward('APPEND_FORWARD') },
    forwarded: { chain: strict, manager: forward('FORWARD_ONLY') },
    always: { chain: strict, manager: forward('ALWAYS_FORWARD_ONLY') },
    allowed: { chain: strict, filters: identity },
  },
  virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${UPSTREAMS.map(([name]) => `    - { match: { path: /${name} }, route: { cluster: ${name} } }`).join('\n')}
    - { match: { prefix: / }, route: { cluster: a } }
`,
  clusters: `[${UPSTREAMS.map(([name, port, context]) => upstream(name, port, context)).join(', ')}]`,
  cases: [
    admitted('client of the mesh', 'strict', as('client'), {
      'x-forwarded-proto': 'https',
      'x-forwarded-client-cert': null,
    }),
    turnedAway('no certificate', 'strict', nobody),
    turnedAway('certificate of another authority', 'strict', as('stranger')),
    turnedAway('expired certificate', 'strict', as('expired')),
    admitted('the name asked for', 'named', as('client')),
    turnedAway('another name of the same mesh', 'named', as('other')),
    admitted('optional and none', 'optional', nobody),
    admitted('optional and good', 'optional', as('client')),
    turnedAway('optional and bad', 'optional', as('stranger')),
    admitted('nothing asked for', 'plain', nobody),
    admitted('a version of the time', 'modern', nobody),
    turnedAway('too old a version', 'modern', (files) => ({ ...base(files), maxVersion: 'TLSv1.2' })),
    {
      name: 'plain text to a TLS listener',
      listener: 'strict',
      send: get('/'),
      wants: { status: 'closed', reached: [] },
    },
    admitted(
      'claims are dropped',
      'strict',
      as('client'),
      { 'x-forwarded-client-cert': null },
      'x-forwarded-client-cert: By=forged',
    ),
    admitted('certificate told', 'told', as('client')),
    admitted('certificate told instead of claims', 'told', as('client'), {}, 'x-forwarded-client-cert: By=forged'),
    admitted('certificate told after what came', 'appended', as('client'), {}, 'x-forwarded-client-cert: By=before'),
    admitted(
      'what came is forwarded',
      'forwarded',
      as('client'),
      { 'x-forwarded-client-cert': 'By=before' },
      'x-forwarded-client-cert: By=before',
    ),
    admitted(
      'what came is always forwarded',
      'always',
      as('client'),
      { 'x-forwarded-client-cert': 'By=before' },
      'x-forwarded-client-cert: By=before',
    ),
    admitted('identity allowed', 'allowed', as('client')),
    {
      name: 'upstream: good',
      listener: 'open',
      send: get('/good'),
      wants: { status: 200, reached: ['secure'], flags: '-' },
    },
    {
      name: 'upstream: by DNS name',
      listener: 'open',
      send: get('/by-dns'),
      wants: { status: 200, reached: ['secure'] },
    },
    ...['wrong-name', 'wrong-authority', 'plain-upstream'].map(
      (name): Case => ({
        name: `upstream: ${name}`,
        listener: 'open',
        send: get(`/${name}`),
        wants: { status: 503, reached: [], flags: 'UF' },
      }),
    ),
    ...['unshown', 'stranger'].map(
      (name): Case => ({
        name: `upstream: refuses ${name}`,
        listener: 'open',
        send: get(`/${name}`),
        wants: { status: 503, reached: [] },
      }),
    ),
    {
      name: 'identity denied',
      listener: 'allowed',
      tls: as('other'),
      send: get('/'),
      wants: { status: 403, reached: [] },
    },
  ],
});
