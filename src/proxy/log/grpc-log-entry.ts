// An exchange, or a connection without HTTP, as an entry of Envoy's access log service (envoy.data.accesslog.v3).
import { randomUUID } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { AddressSchema } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { type MetadataSchema, RequestMethod } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type AccessLogCommonSchema,
  AccessLogType,
  type HTTPAccessLogEntrySchema,
  type HTTPRequestPropertiesSchema,
  type HTTPResponsePropertiesSchema,
  HTTPAccessLogEntry_HTTPVersion as HttpVersion,
  ResponseFlags_Unauthorized_Reason as Reason,
  type ResponseFlagsSchema,
  type TCPAccessLogEntrySchema,
} from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import type { CustomTag } from '../config/custom-tag.ts';
import type { Exchange, LogType, SocketName } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import { requestBytes, responseBytes } from '../http/wire-bytes.ts';
import { tlsProperties } from './grpc-log-tls.ts';
import { downstreamWire, upstreamWire } from './operators/sizes.ts';

/** What an entry says beside what every one does, where it is asked for. */
export type CommonOptions = {
  readonly customTags: readonly CustomTag[];
  /** Texts in filter state by name. */
  readonly filterState: readonly string[];
};

export type EntryOptions = CommonOptions & {
  /** Names in lower case. */
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly responseTrailers: readonly string[];
};

type HttpEntry = MessageInitShape<typeof HTTPAccessLogEntrySchema>;
type TcpEntry = MessageInitShape<typeof TCPAccessLogEntrySchema>;

export function httpEntry(exchange: Exchange, ended: number, options: EntryOptions): HttpEntry {
  return {
    commonProperties: common(exchange, ended, options),
    protocolVersion: VERSIONS[exchange.request.protocol],
    request: requestOf(exchange, options),
    response: responseOf(exchange, exchange.response, options),
  };
}

export function tcpEntry(exchange: Exchange, ended: number, options: CommonOptions): TcpEntry {
  return {
    // A connection has an id of its own, which nothing else shows.
    commonProperties: { ...common(exchange, ended, options), streamId: randomUUID() },
    connectionProperties: {
      receivedBytes: BigInt(exchange.requestBytes),
      sentBytes: BigInt(exchange.responseBytes),
    },
  };
}

const VERSIONS: Readonly<Record<Exchange['request']['protocol'], HttpVersion>> = {
  '': HttpVersion.PROTOCOL_UNSPECIFIED,
  'HTTP/1.0': HttpVersion.HTTP10,
  'HTTP/1.1': HttpVersion.HTTP11,
  'HTTP/2': HttpVersion.HTTP2,
};

const LOG_TYPES: Readonly<Record<LogType, AccessLogType>> = {
  DownstreamStart: AccessLogType.DownstreamStart,
  DownstreamPeriodic: AccessLogType.DownstreamPeriodic,
  DownstreamEnd: AccessLogType.DownstreamEnd,
};

function common(
  exchange: Exchange,
  ended: number,
  { customTags, filterState }: CommonOptions,
): MessageInitShape<typeof AccessLogCommonSchema> {
  const { downstream, endpoint, upstream, started, flags } = exchange;
  const since = (moment: number) => (moment === 0 ? undefined : durationOf(moment - started));
  const isTcp = exchange.request.protocol === '';
  return {
    downstreamRemoteAddress: addressOf(clientOf(exchange)),
    downstreamDirectRemoteAddress: addressOf(downstream.directRemote),
    downstreamLocalAddress: addressOf(downstream.local),
    ...(downstream.tls === null ? {} : { tlsProperties: tlsProperties(downstream.tls, downstream) }),
    startTime: timeOf(exchange.startedAt),
    timeToLastRxByte: since(exchange.requestEnded),
    timeToFirstUpstreamTxByte: since(exchange.upstreamSent),
    timeToLastUpstreamTxByte: since(exchange.upstreamSentEnd),
    timeToFirstUpstreamRxByte: since(exchange.upstreamStarted),
    timeToLastUpstreamRxByte: since(exchange.upstreamEnded),
    timeToFirstDownstreamTxByte: since(exchange.responded),
    timeToLastDownstreamTxByte: isTcp ? undefined : since(ended),
    duration: since(ended),
    ...(endpoint === null ? {} : { upstreamRemoteAddress: addressOf(endpoint) }),
    ...(upstream === null ? {} : { upstreamLocalAddress: addressOf(upstream.local) }),
    upstreamCluster: exchange.clusterStatName,
    upstreamTransportFailureReason: exchange.upstreamFailure,
    downstreamTransportFailureReason: downstream.handshakeFailure,
    routeName: exchange.route?.name ?? '',
    ...(flags === 0 ? {} : { responseFlags: responseFlags(flags) }),
    ...(exchange.metadata === null ? {} : { metadata: metadataOf(exchange.metadata) }),
    customTags: tagsOf(exchange, customTags),
    ...(filterState.length === 0 ? {} : { filterStateObjects: statesOf(exchange, filterState) }),
    upstreamRequestAttemptCount: exchange.attempts,
    connectionTerminationDetails: exchange.terminationDetails,
    streamId: exchange.request.headers.get('x-request-id') ?? '',
    intermediateLogEntry: ended === 0,
    ...wireBytes(exchange),
    accessLogType: isTcp
      ? ended === 0
        ? AccessLogType.TcpUpstreamConnected
        : AccessLogType.TcpConnectionEnd
      : LOG_TYPES[exchange.logType],
  };
}

function wireBytes(exchange: Exchange) {
  const downstream = downstreamWire(exchange);
  const upstream = upstreamWire(exchange);
  return {
    downstreamWireBytesSent: BigInt(downstream.sent),
    downstreamWireBytesReceived: BigInt(downstream.received),
    upstreamWireBytesSent: BigInt(upstream.sent),
    upstreamWireBytesReceived: BigInt(upstream.received),
  };
}

function requestOf(
  exchange: Exchange,
  { requestHeaders }: EntryOptions,
): MessageInitShape<typeof HTTPRequestPropertiesSchema> {
  const { request, originalPath, requestBytes: body } = exchange;
  const { headers } = request;
  const header = (name: string) => textOf(headers.get(name) ?? '');
  return {
    requestMethod: Object.hasOwn(RequestMethod, request.method)
      ? RequestMethod[request.method as keyof typeof RequestMethod]
      : RequestMethod.METHOD_UNSPECIFIED,
    scheme: request.scheme,
    authority: textOf(request.authority),
    path: textOf(request.path),
    userAgent: header('user-agent'),
    referer: header('referer'),
    forwardedFor: header('x-forwarded-for'),
    requestId: header('x-request-id'),
    originalPath: originalPath === null ? header('x-envoy-original-path') : textOf(originalPath),
    requestHeadersBytes: BigInt(requestBytes(request)),
    requestBodyBytes: BigInt(body),
    upstreamHeaderBytesSent: BigInt(upstreamWire(exchange).headersSent),
    downstreamHeaderBytesReceived: BigInt(downstreamWire(exchange).headersReceived),
    requestHeaders: chosen(headers, requestHeaders),
  };
}

function responseOf(
  exchange: Exchange,
  response: ResponseHead | null,
  { responseHeaders, responseTrailers }: EntryOptions,
): MessageInitShape<typeof HTTPResponsePropertiesSchema> {
  const { trailers, details, responseBytes: body } = exchange;
  return {
    ...(response === null ? {} : { responseCode: response.status }),
    responseHeadersBytes: BigInt(response === null ? 0 : responseBytes(response)),
    responseBodyBytes: BigInt(body),
    upstreamHeaderBytesReceived: BigInt(upstreamWire(exchange).headersReceived),
    downstreamHeaderBytesSent: BigInt(downstreamWire(exchange).headersSent),
    responseCodeDetails: details,
    responseHeaders: response === null ? {} : chosen(response.headers, responseHeaders),
    responseTrailers: trailers === null ? {} : chosen(trailers, responseTrailers),
  };
}

/** Values of one name are joined. */
function chosen(headers: HeaderMap, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = headers.joined(name);
    if (value !== undefined) found[name] = textOf(value);
  }
  return found;
}

function tagsOf(exchange: Exchange, tags: readonly CustomTag[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { tag, read } of tags) {
    const value = read(exchange);
    if (value !== undefined) values[tag] = textOf(value);
  }
  return values;
}

function metadataOf(metadata: ReadonlyMap<string, unknown>): MessageInitShape<typeof MetadataSchema> {
  return { filterMetadata: Object.fromEntries(metadata) as Record<string, never> };
}

/** Flags that the message has no field for are left out, as by Envoy. */
function responseFlags(flags: number): MessageInitShape<typeof ResponseFlagsSchema> {
  const is = (bit: number) => (flags & bit) !== 0;
  return {
    failedLocalHealthcheck: is(flag.failedLocalHealthCheck),
    noHealthyUpstream: is(flag.noHealthyUpstream),
    upstreamRequestTimeout: is(flag.upstreamRequestTimeout),
    localReset: is(flag.localReset),
    upstreamRemoteReset: is(flag.upstreamRemoteReset),
    upstreamConnectionFailure: is(flag.upstreamConnectionFailure),
    upstreamConnectionTermination: is(flag.upstreamConnectionTermination),
    upstreamOverflow: is(flag.upstreamOverflow),
    noRouteFound: is(flag.noRouteFound),
    delayInjected: is(flag.delayInjected),
    faultInjected: is(flag.faultInjected),
    rateLimited: is(flag.rateLimited),
    ...(is(flag.unauthorizedExternalService) ? { unauthorizedDetails: { reason: Reason.EXTERNAL_SERVICE } } : {}),
    rateLimitServiceError: is(flag.rateLimitServiceError),
    downstreamConnectionTermination: is(flag.downstreamConnectionTermination),
    upstreamRetryLimitExceeded: is(flag.upstreamRetryLimitExceeded),
    streamIdleTimeout: is(flag.streamIdleTimeout),
    invalidEnvoyRequestHeaders: is(flag.invalidEnvoyRequestHeaders),
    downstreamProtocolError: is(flag.downstreamProtocolError),
    upstreamMaxStreamDurationReached: is(flag.upstreamMaxStreamDurationReached),
    responseFromCacheFilter: is(flag.responseFromCacheFilter),
    noFilterConfigFound: is(flag.noFilterConfigFound),
    durationTimeout: is(flag.durationTimeout),
    upstreamProtocolError: is(flag.upstreamProtocolError),
    noClusterFound: is(flag.noClusterFound),
    overloadManager: is(flag.overloadManager),
    dnsResolutionFailure: is(flag.dnsResolutionFailed),
    downstreamRemoteReset: is(flag.downstreamRemoteReset),
  };
}

function clientOf({ clientAddress, downstream: { remote } }: Exchange): SocketName {
  return clientAddress === remote.address ? remote : { address: clientAddress, port: 0 };
}

function addressOf({ address, port }: SocketName): MessageInitShape<typeof AddressSchema> {
  return {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  };
}

/** Milliseconds with fractions. */
function durationOf(milliseconds: number) {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}

const timeOf = durationOf;

/** Values of heads hold one byte per character; what is no UTF-8 is replaced, as protobuf wants text. */
function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8').replaceAll('\uFFFD', '!');
}

/** As Envoy packs texts. */
function statesOf({ filterState }: Exchange, names: readonly string[]): Record<string, Any> {
  const found: Record<string, Any> = {};
  for (const name of names) {
    const value = filterState?.get(name);
    if (value !== undefined)
      found[name] = anyPack(StringValueSchema, create(StringValueSchema, { value: textOf(value) }));
  }
  return found;
}
