// Connections that a service decides about: an authorization server (network ext_authz), and one that counts (network ratelimit). What they are told
// comes back as metadata, which the log shows.
import { create, type JsonObject } from '@bufbuild/protobuf';
import { afterAll, expect } from 'vitest';
import {
  Authorization,
  type CheckRequest,
  CheckResponseSchema,
} from '../../src/xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import {
  RateLimitResponse_Code as Code,
  RateLimitResponseSchema,
  RateLimitService,
} from '../../src/xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { grpcCluster, startGrpcServer, unary } from '../support/grpc-server.ts';
import { filters, LISTENER_FILTER, NETWORK } from './harness/chains.ts';
import { type ConnectionCase, compareConnections } from './harness/connections.ts';
import { type Line, talk } from './harness/talk.ts';

/** What the filter sends along says how to answer. */
const wish = (metadata: Record<string, unknown>) => String(metadata['x-wish'] ?? '');

function broken(): never {
  throw Object.assign(new Error('broken'), { code: 13 });
}

const server = await startGrpcServer([
  unary(Authorization.method.check, (told, metadata) => {
    const dynamicMetadata: JsonObject = { told: shown(told) };
    switch (wish(metadata)) {
      case 'deny':
        return create(CheckResponseSchema, { status: { code: 7 }, dynamicMetadata });
      case 'fail':
        return broken();
      case 'hang':
        return new Promise(() => undefined);
      default:
        return create(CheckResponseSchema, { dynamicMetadata });
    }
  }),
  unary(RateLimitService.method.shouldRateLimit, ({ domain, descriptors }, metadata) => {
    const entries = descriptors.map((one) => one.entries.map(({ key, value }) => `${key}=${value}`).join(','));
    const dynamicMetadata: JsonObject = { told: `${domain} ${entries.join(' ')}` };
    if (wish(metadata) === 'fail') return broken();
    const overallCode = wish(metadata) === 'deny' ? Code.OVER_LIMIT : Code.OK;
    return create(RateLimitResponseSchema, { overallCode, dynamicMetadata });
  }),
]);
afterAll(() => server.stop());

function shown({ attributes }: CheckRequest): string {
  const { source, destination, request, metadataContext, tlsSession } = attributes!;
  const addressOf = (peer: typeof source) =>
    peer?.address?.address.case === 'socketAddress' ? peer.address.address.value.address : '';
  return JSON.stringify({
    addresses: [addressOf(source), addressOf(destination)],
    principals: [source?.principal, destination?.principal],
    certificate: source?.certificate.slice(0, 40),
    sni: tlsSession?.sni,
    noted: metadataContext?.filterMetadata,
    http: request?.http !== undefined,
  });
}

const log = (name: string, key: string) =>
  `access_log: [{ name: file, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% %DYNAMIC_METADATA(${key}:told)%\\n" } } } }]`;
const SECURE = `transport_socket: { name: tls, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, require_client_certificate: true, common_tls_context: { tls_certificates: [{ certificate_chain: { filename: <folder>/server.pem }, private_key: { filename: <folder>/server-key.pem } }], validation_context: { trusted_ca: { filename: <folder>/ca.pem } } } } }`;

function guarded(name: string, type: string, fields: string, key: string, more = ''): readonly [string, string] {
  const filter = `{ name: f, typed_config: { "@type": ${NETWORK}.${type}, stat_prefix: ${name}, ${fields} } }`;
  const proxy = `{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a, ${log(name, key)} } }`;
  return [name, `filter_chains: [{ filters: [${filter}, ${proxy}]${more === '' ? '' : `, ${more}`} }]`];
}

const service = (wanted: string) =>
  `grpc_service: { envoy_grpc: { cluster_name: service }, timeout: ${wanted === 'hang' ? 0.2 : 5}s, initial_metadata: [{ key: x-wish, value: ${wanted} }] }`;
const authz = (name: string, wanted: string, fields = '', more = '') =>
  guarded(
    name,
    'ext_authz.v3.ExtAuthz',
    `transport_api_version: V3, ${service(wanted)}${fields}`,
    'envoy.filters.network.ext_authz',
    more,
  );
const limited = (name: string, wanted: string, fields = '') =>
  guarded(
    name,
    'ratelimit.v3.RateLimit',
    `domain: d, timeout: 5s, descriptors: [{ entries: [{ key: k, value: v }, { key: ip, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" }] }, { entries: [{ key: sni, value: "x-%REQUESTED_SERVER_NAME%" }] }], rate_limit_service: { transport_api_version: V3, ${service(wanted)} }${fields}`,
    'envoy.filters.network.ratelimit',
  );

type Told = {
  passes: boolean;
  counters: Readonly<Record<string, number>>;
  before?: string;
  tls?: (files: Readonly<Record<string, string>>) => object;
};

function row(name: string, listener: string, { passes, counters, before, tls }: Told, wants: object): ConnectionCase {
  return {
    name,
    async run(stand) {
      const lines: Line[] = [
        ...(before === undefined ? [] : [{ send: before }]),
        { send: 'hello' },
        ...(passes ? [{ hear: /a:hello/ }, { end: true as const }] : []),
      ];
      const options = tls === undefined ? {} : { tls: tls(stand.files as Readonly<Record<string, string>>) };
      const { received } = await talk(stand.port(listener), lines, options);
      const values = await Promise.all(Object.entries(counters).map(([key, wanted]) => stand.stat(key, wanted)));
      return {
        received,
        counters: Object.fromEntries(Object.keys(counters).map((key, i) => [key, values[i]])),
        heard: passes ? stand.heard('a') : [],
        log: (await stand.log(listener)).at(-1),
      };
    },
    wants: { received: passes ? 'a:hello' : '', counters, ...wants },
  };
}

const counted = (prefix: string, values: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, value]));

const cases: ConnectionCase[] = [
  row(
    'let in',
    'in',
    {
      passes: true,
      counters: counted('ext_authz.in', { total: 1, ok: 1, denied: 0, error: 0, cx_closed: 0, active: 0 }),
    },
    { log: expect.stringMatching(/^- - - \{"addresses":\["127.0.0.1","127.0.0.1"\],"principals":\["",""\]/) },
  ),
  row(
    'denied',
    'denied',
    { passes: false, counters: counted('ext_authz.denied', { total: 1, denied: 1, cx_closed: 1, active: 0 }) },
    { log: expect.stringMatching(/^UAEX ext_authz_denied - \{/) },
  ),
  row(
    'the server fails',
    'failing',
    { passes: false, counters: counted('ext_authz.failing', { error: 1, cx_closed: 1, failure_mode_allowed: 0 }) },
    { log: 'UAEX ext_authz_error - -' },
  ),
  row(
    'the server fails, and may',
    'open',
    { passes: true, counters: counted('ext_authz.open', { error: 1, cx_closed: 0, failure_mode_allowed: 1 }) },
    { log: '- - - -' },
  ),
  row(
    'the server says nothing',
    'hanging',
    { passes: false, counters: counted('ext_authz.hanging', { error: 1, cx_closed: 1, active: 0 }) },
    { log: 'UAEX ext_authz_error - -' },
  ),
  row(
    'metadata does not enable it',
    'off',
    { passes: true, counters: counted('ext_authz.off', { total: 0 }) },
    { log: '- - - -' },
  ),
  row(
    'who a PROXY header names',
    'named',
    {
      passes: true,
      before: 'PROXY TCP4 10.1.2.3 10.9.0.1 77 443\r\n',
      counters: counted('ext_authz.named', { ok: 1 }),
    },
    { log: expect.stringContaining('"10.9.0.1"') },
  ),
  row(
    'certificates and the server name',
    'mutual',
    {
      passes: true,
      tls: (files) => ({ servername: 'db.test', cert: files['client'], key: files['client-key'] }),
      counters: counted('ext_authz.mutual', { ok: 1 }),
    },
    { log: expect.stringContaining('"sni":"db.test"') },
  ),
  row(
    'within the limit',
    'within',
    {
      passes: true,
      counters: counted('ratelimit.within', { total: 1, ok: 1, over_limit: 0, active: 0, cx_closed: 0 }),
    },
    { log: '- - - d k=v,ip=127.0.0.1 sni=x--' },
  ),
  row(
    'over the limit',
    'over',
    { passes: false, counters: counted('ratelimit.over', { total: 1, over_limit: 1, cx_closed: 1, active: 0 }) },
    { log: '- - - d k=v,ip=127.0.0.1 sni=x--' },
  ),
  row(
    'who counts fails, and may',
    'uncounted',
    { passes: true, counters: counted('ratelimit.uncounted', { error: 1, failure_mode_allowed: 1, cx_closed: 0 }) },
    { log: '- - - -' },
  ),
  row(
    'who counts fails, and may not',
    'strict',
    { passes: false, counters: counted('ratelimit.strict', { error: 1, failure_mode_allowed: 0, cx_closed: 1 }) },
    { log: '- - - -' },
  ),
];

compareConnections({
  name: 'network services',
  certificates: true,
  listeners: Object.fromEntries([
    authz('in', 'ok'),
    authz('denied', 'deny'),
    authz('failing', 'fail'),
    authz('open', 'fail', ', failure_mode_allow: true'),
    authz('hanging', 'hang'),
    authz(
      'off',
      'deny',
      ', filter_enabled_metadata: { filter: ns, path: [{ key: "on" }], value: { bool_match: true } }',
    ),
    named(),
    authz('mutual', 'ok', ', include_peer_certificate: true, include_tls_session: true', SECURE),
    limited('within', 'ok'),
    limited('over', 'deny'),
    limited('uncounted', 'fail'),
    limited('strict', 'fail', ', failure_mode_deny: true'),
  ]),
  clusters: grpcCluster('service', server.port),
  cases,
});

function named(): readonly [string, string] {
  const [name, listener] = authz('named', 'ok');
  return [name, `${filters(`${LISTENER_FILTER}.proxy_protocol.v3.ProxyProtocol`)}\n${listener}`];
}
