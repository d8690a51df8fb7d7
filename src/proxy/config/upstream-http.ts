// How HTTP is spoken to a cluster: HttpProtocolOptions (the extension), or the deprecated fields of the cluster itself.
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  type HttpProtocolOptions as CommonOptions,
  type Http2ProtocolOptions,
  HttpProtocolOptions_HeadersWithUnderscoresAction as UnderscoresAction,
  type UpstreamHttpProtocolOptions,
} from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import {
  type HttpProtocolOptions,
  HttpProtocolOptionsSchema,
} from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import type { HeadEdits } from '../filter/header-mutation.ts';
import { defaultResponseLimits, type ResponseLimits } from '../http/response-limits.ts';
import type { Http1Options } from '../http1/options.ts';
import { unpack } from './any.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeHttp1Options } from './http1-options.ts';
import { decodeHttp2Options } from './http2-options.ts';
import type { RequestNames } from './tls-types.ts';
import type { ClusterConfig, UpstreamHttpConfig } from './types.ts';
import { decodeUpstreamFilters } from './upstream-filters.ts';
import { LARGEST_HEAD_KIB, millis } from './values.ts';

const IDLE = 3_600_000;
const EXTENSION = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export function decodeUpstreamHttp(
  cluster: Cluster,
): Pick<ClusterConfig, 'http' | 'idleTimeout' | 'maxRequestsPerConnection'> {
  const { protocol, http1, options, optionsPath, common, commonPath, names, edits } = protocolOptions(cluster);
  if (common !== undefined && common.headersWithUnderscoresAction !== UnderscoresAction.ALLOW)
    throw new ConfigError(at(commonPath, 'headers_with_underscores_action'), 'is for connections of clients only');
  if (common?.maxConnectionDurationJitter !== undefined)
    throw new ConfigError(at(commonPath, 'max_connection_duration_jitter'), 'is for connections of clients only');
  return {
    http: {
      protocol,
      http1,
      http2: decodeHttp2Options(options, optionsPath),
      responseLimits: decodeLimits(common, commonPath),
      maxConnectionDuration: millis(common?.maxConnectionDuration, 0, at(commonPath, 'max_connection_duration')),
      maxStreamDuration: millis(common?.maxStreamDuration, 0, at(commonPath, 'max_stream_duration')),
      preconnectRatio: decodePreconnect(cluster),
      requestNames: decodeNames(names),
      edits,
    },
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0,
    idleTimeout: millis(common?.idleTimeout, IDLE, at(commonPath, 'idle_timeout')),
  };
}

type ProtocolOptions = {
  readonly protocol: UpstreamHttpConfig['protocol'];
  readonly http1: Http1Options;
  readonly options: Http2ProtocolOptions | undefined;
  readonly optionsPath: string;
  readonly common: CommonOptions | undefined;
  readonly commonPath: string;
  readonly names: UpstreamHttpProtocolOptions | undefined;
  readonly edits: HeadEdits | null;
};

function protocolOptions(cluster: Cluster): ProtocolOptions {
  for (const [name, any] of Object.entries(cluster.typedExtensionProtocolOptions)) {
    const here = `typed_extension_protocol_options[${name}]`;
    if (name !== EXTENSION) throw new ConfigError(here, 'is not supported');
    const options = unpack(any, HttpProtocolOptionsSchema, here);
    return {
      ...ofExtension(options, here),
      common: options.commonHttpProtocolOptions,
      commonPath: at(here, 'common_http_protocol_options'),
      names: options.upstreamHttpProtocolOptions,
      edits: decodeUpstreamFilters(options.httpFilters, at(here, 'http_filters')),
    };
  }
  return {
    protocol: cluster.http2ProtocolOptions === undefined ? 'http1' : 'http2',
    http1: decodeHttp1Options(cluster.httpProtocolOptions, 'http_protocol_options'),
    options: cluster.http2ProtocolOptions,
    optionsPath: 'http2_protocol_options',
    common: cluster.commonHttpProtocolOptions,
    commonPath: 'common_http_protocol_options',
    names: cluster.upstreamHttpProtocolOptions,
    edits: null,
  };
}

function ofExtension(
  { upstreamProtocolOptions: choice }: HttpProtocolOptions,
  path: string,
): Pick<ProtocolOptions, 'protocol' | 'http1' | 'options' | 'optionsPath'> {
  switch (choice.case) {
    case 'explicitHttpConfig': {
      const explicit = choice.value.protocolConfig;
      const here = at(path, 'explicit_http_config');
      if (explicit.case === undefined) throw new ConfigError(here, 'names no protocol');
      const options = explicit.case === 'http2ProtocolOptions' ? explicit.value : undefined;
      return {
        protocol: options === undefined ? 'http1' : 'http2',
        http1: decodeHttp1Options(
          explicit.case === 'httpProtocolOptions' ? explicit.value : undefined,
          at(here, 'http_protocol_options'),
        ),
        options,
        optionsPath: at(here, 'http2_protocol_options'),
      };
    }
    case 'useDownstreamProtocolConfig':
    case 'autoConfig': {
      const auto = choice.case === 'autoConfig';
      const here = at(path, auto ? 'auto_config' : 'use_downstream_protocol_config');
      return {
        protocol: auto ? 'alpn' : 'downstream',
        http1: decodeHttp1Options(choice.value.httpProtocolOptions, at(here, 'http_protocol_options')),
        options: choice.value.http2ProtocolOptions,
        optionsPath: at(here, 'http2_protocol_options'),
      };
    }
    default:
      throw new ConfigError(path, 'names no protocol (hint: explicit_http_config)');
  }
}

function decodeLimits(common: CommonOptions | undefined, path: string): ResponseLimits {
  const { maxHeadersCount, maxResponseHeadersKb } = common ?? {};
  if (maxHeadersCount === 0) throw new ConfigError(at(path, 'max_headers_count'), 'must be more than 0');
  const { maxHeadBytes, maxHeaders } = defaultResponseLimits;
  const kib = maxResponseHeadersKb ?? maxHeadBytes / 1024;
  if (kib < 1 || kib > LARGEST_HEAD_KIB)
    throw new ConfigError(at(path, 'max_response_headers_kb'), `must be 1 to ${LARGEST_HEAD_KIB}`);
  return { maxHeadBytes: kib * 1024, maxHeaders: maxHeadersCount ?? maxHeaders };
}

function decodeNames(options: UpstreamHttpProtocolOptions | undefined): RequestNames | null {
  const { autoSni: asked = false, autoSanValidation: verified = false, overrideAutoSniHeader = '' } = options ?? {};
  return asked || verified ? { header: overrideAutoSniHeader.toLowerCase(), asked, verified } : null;
}

/** Between 1 and 3, as Envoy demands. */
function decodePreconnect({ preconnectPolicy }: Cluster): number {
  const ratio = preconnectPolicy?.perUpstreamPreconnectRatio ?? 1;
  if (!(ratio >= 1 && ratio <= 3)) {
    throw new ConfigError('preconnect_policy.per_upstream_preconnect_ratio', 'must be 1 to 3');
  }
  return ratio;
}
