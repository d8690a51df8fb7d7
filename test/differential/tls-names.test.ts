// Names and chains of TLS: which server name an endpoint is asked for, what its certificate must show, and checks that come with secrets.

import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { CertificateFiles } from './harness/case.ts';
import { type ConnectionCase, type ConnectionStand, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const NETWORK = `${EXTENSIONS}.filters.network`;
const TLS = `${EXTENSIONS}.transport_sockets.tls.v3`;

const tcp = (cluster: string) =>
  `{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ${cluster} } }`;
const http = (cluster: string) =>
  `{ name: http, typed_config: { "@type": ${NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, http_filters: [{ name: router, typed_config: { "@type": ${EXTENSIONS}.filters.http.router.v3.Router } }], route_config: { virtual_hosts: [{ name: v, domains: ["*"], routes: [{ match: { prefix: /rewritten }, route: { cluster: ${cluster}, host_rewrite_literal: server.test } }, { match: { prefix: / }, route: { cluster: ${cluster} } }] }] } } }`;
const chain = (filter: string) => `filter_chains: [{ filters: [${filter}] }]`;
const TRUST = 'trusted_ca: { filename: <folder>/ca.pem }';
const own = (name: string) =>
  `tls_certificates: [{ certificate_chain: { filename: <folder>/${name}.pem }, private_key: { filename: <folder>/${name}-key.pem } }]`;

type Options = {
  readonly tls?: string;
  readonly common?: string;
  readonly http?: string;
  readonly host?: string;
  readonly upstream?: string;
};

/** A cluster of the upstream that says which name it was asked for. */
function cluster(
  name: string,
  { tls = '', common = `validation_context: { ${TRUST} }`, http, host = '', upstream = 'namer' }: Options = {},
) {
  const endpoint = `{ endpoint: { ${host === '' ? '' : `hostname: ${host}, `}address: { socket_address: { address: 127.0.0.1, port_value: <${upstream}> } } } }`;
  const options =
    http === undefined
      ? ''
      : `, typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http_protocol_options: {} }, upstream_http_protocol_options: { ${http} } } }`;
  return `{ name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${endpoint}] }] }${options}, transport_socket: { name: tls, typed_config: { "@type": ${TLS}.UpstreamTlsContext, max_session_keys: 0, ${tls === '' ? '' : `${tls}, `}common_tls_context: { ${own('client')}, ${common} } } } }`;
}

const clusters: Readonly<Record<string, Options>> = {
  'host-name': { tls: 'auto_host_sni: true, sni: other.test', host: 'host.test' },
  'host-none': { tls: 'auto_host_sni: true, sni: other.test' },
  'sni-right': { tls: 'auto_sni_san_validation: true, sni: server.test' },
  'sni-wrong': { tls: 'auto_sni_san_validation: true, sni: other.test' },
  deep1: { upstream: 'deep', common: `validation_context: { ${TRUST}, max_verify_depth: 1 }` },
  deep2: { upstream: 'deep', common: `validation_context: { ${TRUST}, max_verify_depth: 2 }` },
  'deep-partial': { upstream: 'deep', common: 'validation_context: { trusted_ca: { filename: <folder>/sub-ca.pem } }' },
  'sni-none': { tls: 'auto_sni_san_validation: true' },
  'sni-sans': {
    tls: 'auto_sni_san_validation: true, sni: server.test',
    common: `validation_context: { ${TRUST}, match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: nobody } }] }`,
  },
  auto: { tls: 'sni: configured.test', http: 'auto_sni: true' },
  'auto-header': { http: 'auto_sni: true, override_auto_sni_header: x-name' },
  'auto-verified': { http: 'auto_sni: true, auto_san_validation: true' },
  verified: { tls: 'sni: configured.test', http: 'auto_san_validation: true' },
};

/** A listener that asks clients for certificates. */
const asks = (common: string) =>
  `filter_chains: [{ filters: [${tcp('a')}], transport_socket: { name: tls, typed_config: { "@type": ${TLS}.DownstreamTlsContext, require_client_certificate: true, common_tls_context: { ${own('server')}, ${common} } } } }]`;
const named = (secret: string) => `validation_context_sds_secret_config: { name: ${secret} }`;
const combined = (secret: string, defaults: string) =>
  `combined_validation_context: { default_validation_context: { ${defaults} }, ${named(secret)} }`;
const uri = (id: string) =>
  `match_typed_subject_alt_names: [{ san_type: URI, matcher: { exact: "spiffe://cluster.local/ns/test/sa/${id}" } }]`;

const inbound: Readonly<Record<string, string>> = {
  unix: `address: { pipe: { path: <folder>/tls.sock } }\n${asks(`validation_context: { ${TRUST} }`)}`,
  'secret-san': asks(named('san')),
  'secret-hash': asks(named('hash')),
  'combined-sans': asks(combined('san', uri('other'))),
  'combined-hash': asks(combined('plain', 'verify_certificate_hash: ["<fingerprint>"]')),
  depth0: asks(`validation_context: { ${TRUST}, max_verify_depth: 0 }`),
  anydepth: asks(`validation_context: { ${TRUST} }`),
  depth1: asks(`validation_context: { ${TRUST}, max_verify_depth: 1 }`),
  partial: asks('validation_context: { trusted_ca: { filename: <folder>/sub-ca.pem } }'),
  bundles: asks(
    `validation_context: { custom_validator_config: { name: envoy.tls.cert_validator.spiffe, typed_config: { "@type": ${TLS}.SPIFFECertValidatorConfig, trust_bundles: { inline_string: '<document>' } } } }`,
  ),
};

const get = (host: string, path = '/', more = '') =>
  `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n${more}\r\n`;

/** What an endpoint was asked for; '' when it was not reached. */
function askedOverTcp(name: string, wants: string): ConnectionCase {
  const lines: readonly Line[] = [{ send: 'x' }, { hear: /:x/ }, { end: true }];
  return {
    name: `${name} over TCP`,
    run: async (stand) => (await talk(stand.port(name), lines)).received,
    wants,
  };
}

function askedOverHttp(title: string, name: string, request: string, wants: string): ConnectionCase {
  const run = async (stand: ConnectionStand) => {
    const { received } = await talk(stand.port(`${name}-http`), [{ send: request }]);
    const status = received.slice(9, 12);
    return status === '200' ? `200 ${received.slice(received.indexOf('\r\n\r\n') + 4)}` : status;
  };
  return { name: title, run, wants };
}

function admits(listener: string, client: string, wants: boolean): ConnectionCase {
  const tls = (files: CertificateFiles): ConnectionOptions => ({ cert: files[client]!, key: files[`${client}-key`]! });
  return {
    name: `${listener} ${wants ? 'admits' : 'refuses'} ${client}`,
    async run(stand) {
      const lines: readonly Line[] = [{ send: 'hello' }, { hear: /hello/ }, { end: true }];
      const where = listener === 'unix' ? join(stand.folder, 'tls.sock') : stand.port(listener);
      return (await talk(where, lines, { tls: tls(stand.files) })).received !== '';
    },
    wants,
  };
}

/** SPIFFE trust bundles of two domains. */
function bundlesOf(files: CertificateFiles): string {
  const bundle = (pem: string) => ({
    spiffe_sequence: 1,
    keys: [{ use: 'x509-svid', kty: 'EC', crv: 'P-256', x5c: [new X509Certificate(pem).raw.toString('base64')] }],
  });
  const trust_domains = { 'cluster.local': bundle(files['ca']!), 'other.domain': bundle(files['other-ca']!) };
  return JSON.stringify({ trust_domains });
}

compareConnections({
  name: 'names and chains of TLS',
  certificates: true,
  holes: (files) => ({
    fingerprint: new X509Certificate(files['client']!).fingerprint256,
    document: bundlesOf(files),
  }),
  listeners: {
    ...Object.fromEntries(Object.keys(clusters).map((name) => [name, chain(tcp(name))])),
    ...Object.fromEntries(Object.keys(clusters).map((name) => [`${name}-http`, chain(http(name))])),
    ...inbound,
  },
  clusters: `[${Object.entries(clusters)
    .map(([name, options]) => cluster(name, options))
    .join(', ')}]`,
  secrets: `[{ name: plain, validation_context: { ${TRUST} } }, { name: san, validation_context: { ${TRUST}, ${uri('client')} } }, { name: hash, validation_context: { verify_certificate_hash: ["<fingerprint>"] } }]`,
  cases: [
    askedOverTcp('host-name', 'host.test:x'),
    askedOverTcp('host-none', 'other.test:x'),
    askedOverTcp('sni-right', 'server.test:x'),
    askedOverTcp('sni-wrong', ''),
    askedOverTcp('sni-none', 'nothing:x'),
    askedOverTcp('sni-sans', 'server.test:x'),
    {
      ...askedOverTcp('deep1', 'nothing:x'),
      accepted: { reason: 'the limit of depth holds for endpoints too, as documented', ours: '' },
    },
    askedOverTcp('deep2', 'nothing:x'),
    askedOverTcp('deep-partial', 'nothing:x'),
    askedOverHttp('the authority', 'auto', get('a.test:81'), '200 a.test'),
    askedOverHttp('the authority, in small letters', 'auto', get('A.test'), '200 a.test'),
    askedOverHttp('the authority after its rewrite', 'auto', get('a.test', '/rewritten'), '200 server.test'),
    askedOverHttp('an address is no name', 'auto', get('10.0.0.1'), '200 configured.test'),
    askedOverHttp('nor is one of IPv6', 'auto', get('[::1]:80'), '200 configured.test'),
    askedOverHttp('another header', 'auto-header', get('a.test', '/', 'x-name: b.test:82\r\n'), '200 b.test'),
    askedOverHttp('another header that is not there', 'auto-header', get('a.test'), '200 a.test'),
    askedOverHttp('its own certificate', 'auto-verified', get('server.test'), '200 server.test'),
    askedOverHttp('a certificate for another', 'auto-verified', get('other.test'), '503'),
    askedOverHttp('verified, not asked for', 'verified', get('server.test'), '200 configured.test'),
    askedOverHttp('the name of the endpoint', 'host-name', get('a.test'), '200 host.test'),
    admits('unix', 'client', true),
    admits('unix', 'stranger', false),
    admits('secret-san', 'client', true),
    admits('secret-san', 'other', false),
    admits('secret-hash', 'client', true),
    admits('secret-hash', 'other', false),
    admits('combined-sans', 'client', true),
    admits('combined-sans', 'other', true),
    admits('combined-sans', 'web', false),
    admits('combined-hash', 'client', true),
    admits('combined-hash', 'other', false),
    admits('depth0', 'client', true),
    admits('depth0', 'deep', false),
    admits('depth1', 'deep', false),
    admits('anydepth', 'deep', true),
    {
      ...admits('partial', 'deep', true),
      accepted: { reason: 'the library takes only a root for an anchor of clients', ours: false },
    },
    admits('partial', 'client', false),
    admits('bundles', 'client', true),
    admits('bundles', 'foreign', true),
    admits('bundles', 'pretender', false),
  ],
});
