// HttpConnectionManager → HttpConnectionConfig, Envoy's defaults filled in.
import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  HttpConnectionManager_ForwardClientCertDetails as Forward,
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { decodeAccessLog } from '../log/decode.ts';
import { compileRoutes } from '../route/compile.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeFilters } from './http-filters.ts';
import type { HttpConnectionConfig } from './types.ts';
import { millis } from './values.ts';

const HOUR = 3_600_000;
const FIVE_MINUTES = 300_000;

export function decodeHttpConnection(manager: HttpConnectionManager, path: string): HttpConnectionConfig {
  checkCodec(manager, path);
  const common = manager.commonHttpProtocolOptions;
  const time = (
    field: 'streamIdleTimeout' | 'requestTimeout' | 'requestHeadersTimeout',
    name: string,
    fallback: number,
  ) => millis(manager[field], fallback, at(path, name));
  return {
    statPrefix: manager.statPrefix,
    routes: decodeRouteSource(manager, path),
    filters: decodeFilters(manager.httpFilters, at(path, 'http_filters')),
    accessLogs: mapAt(manager.accessLog, at(path, 'access_log'), decodeAccessLog),
    maxHeadBytes: (manager.maxRequestHeadersKb ?? 60) * 1024,
    maxHeaders: common?.maxHeadersCount ?? 100,
    idleTimeout: millis(common?.idleTimeout, HOUR, at(path, 'common_http_protocol_options.idle_timeout')),
    streamIdleTimeout: time('streamIdleTimeout', 'stream_idle_timeout', FIVE_MINUTES),
    requestTimeout: time('requestTimeout', 'request_timeout', 0),
    requestHeadersTimeout: time('requestHeadersTimeout', 'request_headers_timeout', 0),
    useRemoteAddress: manager.useRemoteAddress ?? false,
    xffTrustedHops: manager.xffNumTrustedHops,
    skipXffAppend: manager.skipXffAppend,
    generateRequestId: manager.generateRequestId ?? true,
    preserveRequestId: manager.preserveExternalRequestId,
    serverName: manager.serverName || 'envoy',
    serverHeader: serverHeaders[manager.serverHeaderTransformation] ?? 'overwrite',
    forwardClientCert: decodeForwarding(manager),
    normalizePath: manager.normalizePath ?? false,
    mergeSlashes: manager.mergeSlashes,
    acceptHttp10: manager.httpProtocolOptions?.acceptHttp10 ?? false,
    via: manager.via,
  };
}

function checkCodec({ codecType, commonHttpProtocolOptions: common }: HttpConnectionManager, path: string): void {
  const { AUTO, HTTP1 } = HttpConnectionManager_CodecType;
  if (codecType !== AUTO && codecType !== HTTP1)
    throw new ConfigError(at(path, 'codec_type'), 'only HTTP1 is supported');
  if (common?.maxRequestsPerConnection !== undefined) {
    const here = at(path, 'common_http_protocol_options.max_requests_per_connection');
    throw new ConfigError(here, 'is not supported on listeners');
  }
}

function decodeRouteSource(
  { routeSpecifier: source }: HttpConnectionManager,
  path: string,
): HttpConnectionConfig['routes'] {
  switch (source.case) {
    case 'routeConfig':
      return { kind: 'inline', table: compileRoutes(source.value, at(path, 'route_config')) };
    case 'rds': {
      const here = at(path, 'rds');
      checkRouteSource(source.value.configSource, at(here, 'config_source'));
      if (source.value.routeConfigName === '') throw new ConfigError(at(here, 'route_config_name'), 'is empty');
      return { kind: 'rds', name: source.value.routeConfigName };
    }
    default:
      throw new ConfigError(path, 'has neither route_config nor rds');
  }
}

/** All routes come the way listeners come. */
function checkRouteSource(source: ConfigSource | undefined, path: string): void {
  if (source?.configSourceSpecifier.case !== 'ads') throw new ConfigError(path, 'only ads is supported');
}

/** Enums are open on the wire: a value that is not known takes the default, as in Envoy. */
const serverHeaders: Readonly<Record<number, HttpConnectionConfig['serverHeader']>> = {
  [ServerHeader.OVERWRITE]: 'overwrite',
  [ServerHeader.APPEND_IF_ABSENT]: 'append-if-absent',
  [ServerHeader.PASS_THROUGH]: 'pass-through',
};

const forwarding: Readonly<Record<number, HttpConnectionConfig['forwardClientCert']['mode']>> = {
  [Forward.SANITIZE]: 'sanitize',
  [Forward.FORWARD_ONLY]: 'forward-only',
  [Forward.APPEND_FORWARD]: 'append-forward',
  [Forward.SANITIZE_SET]: 'sanitize-set',
  [Forward.ALWAYS_FORWARD_ONLY]: 'always-forward-only',
};

function decodeForwarding(manager: HttpConnectionManager): HttpConnectionConfig['forwardClientCert'] {
  const set = manager.setCurrentClientCertDetails;
  return {
    mode: forwarding[manager.forwardClientCertDetails] ?? 'sanitize',
    set: {
      subject: set?.subject ?? false,
      uri: set?.uri ?? false,
      dns: set?.dns ?? false,
      cert: set?.cert ?? false,
    },
  };
}
