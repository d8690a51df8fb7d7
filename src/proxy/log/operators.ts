// The operators of format strings by name: https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage
import { hostname } from 'node:os';
import { ConfigError } from '../config/config-error.ts';
import type { Exchange, PeerTls } from '../http/exchange.ts';
import { formatFlags, formatFlagsLong } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import { requestLookup } from '../route/match/header-matcher.ts';
import type { Operator } from './format.ts';
import { compileTime } from './start-time.ts';

const PLAIN: Readonly<Record<string, Operator>> = {
  BYTES_RECEIVED: (exchange) => exchange.requestBytes,
  BYTES_SENT: (exchange) => exchange.responseBytes,
  PROTOCOL: (exchange) => exchange.request.protocol,
  RESPONSE_CODE: (_exchange, response) => response?.status ?? 0,
  RESPONSE_FLAGS: (exchange) => formatFlags(exchange.flags),
  RESPONSE_FLAGS_LONG: (exchange) => formatFlagsLong(exchange.flags),
  RESPONSE_CODE_DETAILS: (exchange) => filled(exchange.details.replaceAll(' ', '_')),
  // No connection is closed for a reason of its own while an exchange is on it.
  CONNECTION_TERMINATION_DETAILS: () => undefined,
  UPSTREAM_TRANSPORT_FAILURE_REASON: (exchange) => filled(exchange.upstreamFailure.replaceAll(' ', '_')),
  DURATION: (exchange, _response, ended) => (ended === 0 ? undefined : Math.round(ended - exchange.started)),
  RESPONSE_DURATION: (exchange) =>
    exchange.upstreamStarted === 0 ? undefined : Math.round(exchange.upstreamStarted - exchange.started),
  RESPONSE_TX_DURATION: (exchange, _response, ended) =>
    exchange.upstreamStarted === 0 || ended === 0 ? undefined : Math.round(ended - exchange.upstreamStarted),
  UPSTREAM_HOST: (exchange) => exchange.endpoint?.name,
  UPSTREAM_REMOTE_ADDRESS: (exchange) => exchange.endpoint?.name,
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (exchange) => exchange.endpoint?.address,
  UPSTREAM_REMOTE_PORT: (exchange) => exchange.endpoint?.port,
  UPSTREAM_CLUSTER: (exchange) => filled(exchange.cluster),
  UPSTREAM_CLUSTER_RAW: (exchange) => filled(exchange.cluster),
  // The pool does not tell which local port it used.
  UPSTREAM_LOCAL_ADDRESS: () => undefined,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (exchange) => exchange.attempts,
  DOWNSTREAM_LOCAL_ADDRESS: ({ downstream: { local } }) => `${bracketed(local.address)}:${local.port}`,
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: ({ downstream: { local } }) => local.address,
  DOWNSTREAM_LOCAL_PORT: ({ downstream: { local } }) => local.port,
  DOWNSTREAM_REMOTE_ADDRESS: (exchange) => `${bracketed(exchange.clientAddress)}:${clientPort(exchange)}`,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (exchange) => exchange.clientAddress,
  DOWNSTREAM_REMOTE_PORT: clientPort,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: ({ downstream: { directRemote } }) =>
    `${bracketed(directRemote.address)}:${directRemote.port}`,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: ({ downstream: { directRemote } }) => directRemote.address,
  DOWNSTREAM_DIRECT_REMOTE_PORT: ({ downstream: { directRemote } }) => directRemote.port,
  CONNECTION_ID: ({ downstream }) => downstream.id,
  REQUESTED_SERVER_NAME: ofTls((tls) => tls.sni),
  DOWNSTREAM_PEER_URI_SAN: ofTls((tls) => tls.uriSans.join(',')),
  DOWNSTREAM_PEER_DNS_SAN: ofTls((tls) => tls.dnsSans.join(',')),
  DOWNSTREAM_LOCAL_URI_SAN: ofTls((tls) => tls.localUriSans.join(',')),
  DOWNSTREAM_PEER_SUBJECT: ofTls((tls) => tls.subject),
  DOWNSTREAM_PEER_FINGERPRINT_256: ofTls((tls) => tls.fingerprint),
  DOWNSTREAM_TLS_VERSION: ofTls((tls) => tls.version),
  DOWNSTREAM_TLS_CIPHER: ofTls((tls) => tls.cipher),
  ROUTE_NAME: (exchange) => filled(exchange.route?.name),
  VIRTUAL_HOST_NAME: (exchange) => filled(exchange.route?.virtualHost),
  STREAM_ID: (exchange) => exchange.request.headers.get('x-request-id'),
};

/** Operators that take a parameter in parentheses; null is none. */
const WITH_PARAMETER: Readonly<Record<string, (parameter: string | null, path: string) => Operator>> = {
  REQ: (parameter, path) => compileRequestHeader(required('REQ', parameter, path)),
  RESP: (parameter, path) => {
    const [name, other] = alternatives(required('RESP', parameter, path));
    const read = (headers: HeaderMap, header: string) => headers.joined(header.toLowerCase());
    return (_exchange, response) =>
      response === null ? undefined : (read(response.headers, name) ?? (other && read(response.headers, other)));
  },
  START_TIME: (parameter, path) => {
    const write = compileTime(parameter, path);
    return (exchange) => write(exchange.startedAt);
  },
  GRPC_STATUS: () => (_exchange, response) => response?.headers.get('grpc-status'),
  DYNAMIC_METADATA: (parameter, path) => {
    const [namespace, ...keys] = required('DYNAMIC_METADATA', parameter, path).split(':');
    return (exchange) => memberText(exchange.metadata?.get(namespace!), keys);
  },
  METADATA: (parameter, path) => {
    const [of, namespace, ...keys] = required('METADATA', parameter, path).split(':');
    if (of === 'ROUTE') return (exchange) => memberText(exchange.route?.metadata[namespace!], keys);
    if (of === 'CLUSTER') return (exchange) => memberText(exchange.clusterMetadata?.[namespace!], keys);
    throw new ConfigError(path, `%METADATA(${parameter})% is not supported (hint: ROUTE or CLUSTER)`);
  },
  HOSTNAME: () => {
    const name = hostname();
    return () => name;
  },
  ENVIRONMENT: (parameter, path) => {
    const value = process.env[required('ENVIRONMENT', parameter, path)];
    return () => value;
  },
};

export function compileOperator(name: string, parameter: string | null, path: string): Operator {
  const compile = Object.hasOwn(WITH_PARAMETER, name) ? WITH_PARAMETER[name] : undefined;
  if (compile) return compile(parameter, path);
  const plain = Object.hasOwn(PLAIN, name) ? PLAIN[name] : undefined;
  if (!plain) throw new ConfigError(path, `%${name}% is not supported`);
  if (parameter !== null) throw new ConfigError(path, `%${name}% takes no parameter`);
  return plain;
}

function compileRequestHeader(parameter: string): Operator {
  const [name, other] = alternatives(parameter);
  const first = requestLookup(name);
  if (other === undefined) return ({ request }) => first(request);
  const second = requestLookup(other);
  return ({ request }) => first(request) ?? second(request);
}

/** `X?Y`: Y where there is no X. */
function alternatives(parameter: string): [name: string, other: string | undefined] {
  const [name, other] = parameter.split('?');
  return [name!, other];
}

function required(operator: string, parameter: string | null, path: string): string {
  if (parameter === null || parameter === '') throw new ConfigError(path, `%${operator}% needs a parameter`);
  return parameter;
}

function ofTls(read: (tls: PeerTls) => string): Operator {
  return ({ downstream: { tls } }) => (tls === null ? undefined : filled(read(tls)));
}

function memberText(root: unknown, keys: readonly string[]): string | number | undefined {
  let value = root;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
}

/** An address from X-Forwarded-For has no port. */
function clientPort({ clientAddress, downstream: { directRemote } }: Exchange): number {
  return clientAddress === directRemote.address ? directRemote.port : 0;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
