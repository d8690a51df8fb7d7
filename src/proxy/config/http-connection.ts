// HttpConnectionManager → HttpConnectionConfig.

import type { AddressTest } from '../../lib/cidr.ts';
import {
  type Http1ProtocolOptions,
  HttpProtocolOptions_HeadersWithUnderscoresAction as UnderscoresAction,
} from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import {
  HttpConnectionManager_CodecType as CodecType,
  HttpConnectionManager_ForwardClientCertDetails as ForwardCert,
  type HttpConnectionManager,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { HttpFilter } from '../filter/filter.ts';
import { decodeAccessLogs } from '../log/decode.ts';
import { compileRoutes } from '../route/compile.ts';
import { decodeRanges } from './address.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeSource, plainName } from './config-source.ts';
import { decodeHeadRules } from './head-rules.ts';
import { decodeFilters, decodeRouter, requireSameRouter, wantsChildSpans } from './http-filters.ts';
import { decodeHttp1Options } from './http1-options.ts';
import { decodeHttp2Options } from './http2-options.ts';
import { decodeLocalReplies } from './local-reply.ts';
import { decodeRequestIds } from './request-ids.ts';
import { decodeTracing } from './tracing.ts';
import type { HttpConnectionConfig } from './types.ts';
import { LARGEST_HEAD_KIB, millis } from './values.ts';

const DEFAULTS = { headKiB: 60, headers: 100, idle: 3_600_000, streamIdle: 300_000, drain: 5_000, delayedClose: 1_000 };
const CODECS: ReadonlyMap<CodecType, HttpConnectionConfig['codec']> = new Map([
  [CodecType.AUTO, 'auto'],
  [CodecType.HTTP1, 'http1'],
  [CodecType.HTTP2, 'http2'],
]);

/** Of a message that was checked already. */
export function decodeHttpConnection(manager: HttpConnectionManager, path: string): HttpConnectionConfig {
  const codec = CODECS.get(manager.codecType);
  if (codec === undefined) throw new ConfigError(at(path, 'codec_type'), 'must be AUTO, HTTP1 or HTTP2');
  if (manager.statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  const filters = at(path, 'http_filters');
  return {
    statPrefix: manager.statPrefix,
    routes: decodeRouteSource(manager, path),
    router: decodeRouter(manager.httpFilters, filters),
    filters: decodeFilters(manager.httpFilters, filters),
    accessLogs: decodeAccessLogs(manager.accessLog, at(path, 'access_log')),
    localReplies: decodeLocalReplies(manager.localReplyConfig, at(path, 'local_reply_config')),
    earlyLogs: decodeEarlyLogs(manager, path),
    tracing: decodeTracing(
      manager.tracing,
      wantsChildSpans(manager.httpFilters, filters),
      decodeRequestIds(manager.requestIdExtension, at(path, 'request_id_extension')),
      at(path, 'tracing'),
    ),
    ...decodeLimits(manager, path),
    useRemoteAddress: manager.useRemoteAddress ?? false,
    xffTrustedHops: manager.xffNumTrustedHops,
    skipXffAppend: manager.skipXffAppend,
    isInternal: decodeInternal(manager, at(path, 'internal_address_config.cidr_ranges')),
    generateRequestId: manager.generateRequestId ?? true,
    preserveRequestId: manager.preserveExternalRequestId,
    serverName: manager.serverName || 'envoy',
    serverHeader: decodeServerHeader(manager.serverHeaderTransformation, at(path, 'server_header_transformation')),
    forwardClientCert: decodeForwardCert(manager, path),
    ...decodeHeadRules(manager, path),
    codec,
    ...decodeUpgrades(manager, at(path, 'upgrade_configs')),
    http1: decodeHttp1Options(manager.httpProtocolOptions, at(path, 'http_protocol_options')),
    http2: decodeHttp2Options(
      manager.http2ProtocolOptions,
      at(path, 'http2_protocol_options'),
      manager.streamErrorOnInvalidHttpMessage,
    ),
    underscores: decodeUnderscores(manager, at(path, 'common_http_protocol_options.headers_with_underscores_action')),
    ...decodeHttp1(manager.httpProtocolOptions),
    via: manager.via,
  };
}

const UNDERSCORES: ReadonlyMap<UnderscoresAction, HttpConnectionConfig['underscores']> = new Map([
  [UnderscoresAction.ALLOW, 'allow'],
  [UnderscoresAction.DROP_HEADER, 'drop'],
  [UnderscoresAction.REJECT_REQUEST, 'reject'],
]);

function decodeUnderscores(
  { commonHttpProtocolOptions: options }: HttpConnectionManager,
  path: string,
): HttpConnectionConfig['underscores'] {
  const known = UNDERSCORES.get(options?.headersWithUnderscoresAction ?? UnderscoresAction.ALLOW);
  if (known === undefined) throw new ConfigError(path, 'is not known');
  return known;
}

function decodeHttp1(
  options: Http1ProtocolOptions | undefined,
): Pick<HttpConnectionConfig, 'acceptHttp10' | 'anyMethod' | 'defaultHost'> {
  return {
    acceptHttp10: options?.acceptHttp10 ?? false,
    anyMethod: options?.allowCustomMethods ?? false,
    defaultHost: options?.defaultHostForHttp10 ?? '',
  };
}

function decodeUpgrades(
  { upgradeConfigs, httpFilters }: HttpConnectionManager,
  path: string,
): Pick<HttpConnectionConfig, 'upgrades' | 'upgradeFilters'> {
  const upgrades = new Map<string, boolean>();
  const upgradeFilters = new Map<string, readonly HttpFilter[]>();
  upgradeConfigs.forEach(({ upgradeType, enabled, filters }, i) => {
    const protocol = upgradeType.toLowerCase();
    if (upgrades.has(protocol)) throw new ConfigError(`${path}[${i}].upgrade_type`, `${protocol} comes twice`);
    upgrades.set(protocol, enabled ?? true);
    if (filters.length === 0) return;
    const here = `${path}[${i}].filters`;
    requireSameRouter(filters, httpFilters, here);
    upgradeFilters.set(protocol, decodeFilters(filters, here));
  });
  return { upgrades, upgradeFilters };
}

/** Two fields of the connection manager are the older form of two options. Envoy wants a millisecond at least between lines. */
function decodeEarlyLogs(manager: HttpConnectionManager, path: string): HttpConnectionConfig['earlyLogs'] {
  const { accessLogOptions: options, flushAccessLogOnNewRequest: early, accessLogFlushInterval: period } = manager;
  const isOld = early || period !== undefined;
  if (options === undefined && !isOld) return null;
  const inOptions = at(path, 'access_log_options');
  if (options !== undefined && isOld)
    throw new ConfigError(inOptions, 'is set beside fields that are the older form of it');
  const here = at(isOld ? path : inOptions, 'access_log_flush_interval');
  const given = period ?? options?.accessLogFlushInterval;
  const interval = millis(given, 0, here);
  if (given !== undefined && interval < 1) throw new ConfigError(here, 'must be 1 ms or more');
  return { onNewRequest: early || options?.flushAccessLogOnNewRequest === true, interval };
}

function decodeRouteSource({ routeSpecifier }: HttpConnectionManager, path: string): HttpConnectionConfig['routes'] {
  switch (routeSpecifier.case) {
    case 'routeConfig': {
      const table = compileRoutes(routeSpecifier.value, at(path, 'route_config'), true);
      if (table.hostSource !== null)
        throw new ConfigError(at(path, 'route_config.vhds'), 'needs routes that come by rds');
      return { kind: 'inline', table };
    }
    case 'rds': {
      const { configSource, routeConfigName } = routeSpecifier.value;
      const source = decodeSource(configSource, at(path, 'rds.config_source'));
      if (routeConfigName === '') throw new ConfigError(at(path, 'rds.route_config_name'), 'is empty');
      return { kind: 'rds', name: plainName(routeConfigName, at(path, 'rds.route_config_name')), source };
    }
    default:
      throw new ConfigError(path, 'has no routes');
  }
}

type Limits = Pick<
  HttpConnectionConfig,
  | 'maxHeadBytes'
  | 'maxHeaders'
  | 'idleTimeout'
  | 'drainTimeout'
  | 'delayedCloseTimeout'
  | 'streamIdleTimeout'
  | 'maxConnectionDuration'
  | 'maxConnectionJitter'
  | 'safeMaxDuration'
  | 'maxRequestsPerConnection'
  | 'maxStreamDuration'
  | 'requestTimeout'
  | 'requestHeadersTimeout'
>;

function decodeLimits(manager: HttpConnectionManager, path: string): Limits {
  const common = manager.commonHttpProtocolOptions;
  const headKiB = manager.maxRequestHeadersKb ?? DEFAULTS.headKiB;
  if (headKiB === 0 || headKiB > LARGEST_HEAD_KIB) {
    throw new ConfigError(at(path, 'max_request_headers_kb'), `must be 1 to ${LARGEST_HEAD_KIB}`);
  }
  const here = at(path, 'common_http_protocol_options');
  if (common?.maxHeadersCount === 0) throw new ConfigError(at(here, 'max_headers_count'), 'must be more than 0');
  if (common?.maxResponseHeadersKb !== undefined)
    throw new ConfigError(at(here, 'max_response_headers_kb'), 'is for connections to upstreams only');
  return {
    maxHeadBytes: headKiB * 1024,
    maxHeaders: common?.maxHeadersCount ?? DEFAULTS.headers,
    idleTimeout: millis(common?.idleTimeout, DEFAULTS.idle, at(here, 'idle_timeout')),
    drainTimeout: millis(manager.drainTimeout, DEFAULTS.drain, at(path, 'drain_timeout')),
    delayedCloseTimeout: millis(manager.delayedCloseTimeout, DEFAULTS.delayedClose, at(path, 'delayed_close_timeout')),
    streamIdleTimeout: millis(manager.streamIdleTimeout, DEFAULTS.streamIdle, at(path, 'stream_idle_timeout')),
    maxConnectionDuration: millis(common?.maxConnectionDuration, 0, at(here, 'max_connection_duration')),
    maxConnectionJitter: (common?.maxConnectionDurationJitter?.value ?? 0) / 100,
    safeMaxDuration: manager.http1SafeMaxConnectionDuration,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    maxStreamDuration: millis(common?.maxStreamDuration, 0, at(here, 'max_stream_duration')),
    requestTimeout: millis(manager.requestTimeout, 0, at(path, 'request_timeout')),
    requestHeadersTimeout: millis(manager.requestHeadersTimeout, 0, at(path, 'request_headers_timeout')),
  };
}

/** Without ranges nobody is trusted. */
function decodeInternal({ internalAddressConfig }: HttpConnectionManager, path: string): AddressTest | null {
  const ranges = internalAddressConfig?.cidrRanges ?? [];
  return ranges.length === 0 ? null : decodeRanges(ranges, path);
}

function decodeServerHeader(transformation: ServerHeader, path: string): HttpConnectionConfig['serverHeader'] {
  switch (transformation) {
    case ServerHeader.OVERWRITE:
      return 'overwrite';
    case ServerHeader.APPEND_IF_ABSENT:
      return 'append-if-absent';
    case ServerHeader.PASS_THROUGH:
      return 'pass-through';
    default:
      throw new ConfigError(path, 'is not known');
  }
}

const FORWARD_MODES: ReadonlyMap<ForwardCert, HttpConnectionConfig['forwardClientCert']['mode']> = new Map([
  [ForwardCert.SANITIZE, 'sanitize'],
  [ForwardCert.FORWARD_ONLY, 'forward-only'],
  [ForwardCert.APPEND_FORWARD, 'append-forward'],
  [ForwardCert.SANITIZE_SET, 'sanitize-set'],
  [ForwardCert.ALWAYS_FORWARD_ONLY, 'always-forward-only'],
]);

function decodeForwardCert(manager: HttpConnectionManager, path: string): HttpConnectionConfig['forwardClientCert'] {
  const mode = FORWARD_MODES.get(manager.forwardClientCertDetails);
  if (mode === undefined) throw new ConfigError(at(path, 'forward_client_cert_details'), 'is not known');
  const set = manager.setCurrentClientCertDetails;
  return {
    mode,
    set: { subject: set?.subject ?? false, uri: set?.uri ?? false, dns: set?.dns ?? false, cert: set?.cert ?? false },
  };
}
