// What the connection manager does to every request head before routing, in Envoy's order: who the client is, which headers it may not
// set itself, which it gets. After this the head can be trusted as far as the configuration says.
import { isIP } from 'node:net';
import { newRequestId } from '../../lib/request-id.ts';
import type { ClientDetector } from '../config/client-address.ts';
import type { HttpConnectionConfig } from '../config/types.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import { clientNotDetected } from './causes.ts';
import { forwardClientCert } from './forwarded-client-cert.ts';
import type { RouterServices } from './services.ts';

// Control headers of Envoy's router. Internal requests keep them; none counts as internal by default (Envoy's `internal_address_config` is empty since 1.33).
const CONTROL = new Set([
  'x-envoy-internal',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-is-timeout-retry',
  'x-envoy-upstream-stream-duration-ms',
]);
/** Stripped at the edge only: an inner proxy believes the proxy before it. */
const EDGE = new Set([
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-original-path',
  'x-envoy-original-host',
]);

export function sanitizeRequest(
  exchange: Exchange,
  config: HttpConnectionConfig,
  { localAddress, node }: Pick<RouterServices, 'localAddress' | 'node'>,
): LocalReply | null {
  const { headers } = exchange.request;
  config.mutateEarly?.(exchange);
  const internal =
    config.detectors === null
      ? identifyClient(exchange, config, localAddress)
      : detectClient(exchange, config.detectors, config, localAddress);
  if (typeof internal === 'number') return clientNotDetected(internal);
  const edge = config.useRemoteAddress && !internal;
  setForwardedProto(exchange, config);
  if (internal) headers.set('x-envoy-internal', 'true');
  else removeControl(headers, edge);
  if (edge) headers.set('x-envoy-external-address', exchange.clientAddress);
  config.editHead?.(exchange, node);
  setRequestId(headers, config, edge);
  forwardClientCert(headers, exchange.downstream.tls, config.forwardClientCert);
  if (config.via !== '')
    headers.set('via', headers.has('via') ? `${headers.joined('via')}, ${config.via}` : config.via);
  return null;
}

/** The address policies and logs take for the client's, and X-Forwarded-For. True for a request from inside: no other proxy has a part in it. */
function identifyClient(exchange: Exchange, config: HttpConnectionConfig, localAddress: string): boolean {
  const { headers } = exchange.request;
  const direct = exchange.downstream.remote.address;
  const forwarded = headers.joined('x-forwarded-for');
  if (!config.useRemoteAddress || config.xffTrustedHops > 0) {
    const skip = config.useRemoteAddress ? config.xffTrustedHops - 1 : config.xffTrustedHops;
    exchange.clientAddress = fromRight(forwarded, skip) ?? direct;
  }
  const internal =
    config.isInternal !== null &&
    isOnly(forwarded, config.useRemoteAddress) &&
    config.isInternal(exchange.clientAddress);
  if (!config.useRemoteAddress || config.skipXffAppend) return internal;
  appendForwardedFor(headers, isLoopback(direct) ? localAddress : direct);
  return internal;
}

/** The same, as extensions find it. A status: the request is answered so. */
function detectClient(
  exchange: Exchange,
  detectors: readonly ClientDetector[],
  { isInternal }: HttpConnectionConfig,
  localAddress: string,
): boolean | number {
  const { headers } = exchange.request;
  const direct = exchange.downstream.remote.address;
  for (const detect of detectors) {
    const found = detect(headers, direct);
    if ('rejected' in found) return found.rejected;
    if (found.appends) appendForwardedFor(headers, isLoopback(direct) ? localAddress : direct);
    if (found.address === null) continue;
    exchange.clientAddress = found.address;
    return found.trusted && isInternal?.(found.address) === true;
  }
  return false;
}

export function appendForwardedFor(headers: HeaderMap, address: string): void {
  const forwarded = headers.joined('x-forwarded-for');
  headers.set('x-forwarded-for', forwarded === undefined || forwarded === '' ? address : `${forwarded},${address}`);
}

/** Whether the client's address is the only one known: of its connection, or the one that was forwarded. */
function isOnly(forwarded: string | undefined, direct: boolean): boolean {
  return direct ? forwarded === undefined : forwarded !== undefined && !forwarded.includes(',');
}

/** The address `skip` places from the right end of the list, when it is one. */
function fromRight(forwarded: string | undefined, skip: number): string | null {
  if (forwarded === undefined) return null;
  const address = forwarded
    .split(',')
    .at(-1 - skip)
    ?.trim();
  return address !== undefined && isIP(address) !== 0 ? address : null;
}

function setForwardedProto(exchange: Exchange, config: HttpConnectionConfig): void {
  const { request } = exchange;
  const transport = exchange.downstream.tls === null ? 'http' : 'https';
  const given = request.headers.get('x-forwarded-proto');
  const trusted = given !== undefined && !(config.useRemoteAddress && config.xffTrustedHops === 0);
  if (!trusted) request.headers.set('x-forwarded-proto', transport);
  request.scheme = trusted && (given === 'http' || given === 'https') ? given : transport;
}

function removeControl(headers: HeaderMap, edge: boolean): void {
  const { fields } = headers;
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    const name = fields[i]!;
    if (!name.startsWith('x-envoy-')) continue;
    if (CONTROL.has(name) || (edge && EDGE.has(name))) fields.splice(i, 2);
  }
}

function setRequestId(headers: HeaderMap, config: HttpConnectionConfig, edge: boolean): void {
  // At the edge a client must not choose the id of a request unless the configuration lets it.
  if (edge && !config.preserveRequestId) headers.remove('x-request-id');
  if (config.generateRequestId && !headers.has('x-request-id')) headers.append('x-request-id', newRequestId());
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
