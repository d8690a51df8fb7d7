// `stats_sinks` and `stats_flush_interval` → where statistics are sent, and how often.
import { anyIs, anyUnpack, durationMs } from '@bufbuild/protobuf/wkt';
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { ApiVersion } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  type HistogramEmitMode,
  type MetricsServiceConfig,
  MetricsServiceConfigSchema,
} from '../../xds/gen/envoy/config/metrics/v3/metrics_service_pb.ts';
import {
  DogStatsdSinkSchema,
  StatsdSinkSchema,
  type StatsSink,
} from '../../xds/gen/envoy/config/metrics/v3/stats_pb.ts';
import {
  type SinkConfig,
  SinkConfigSchema,
} from '../../xds/gen/envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry_pb.ts';
import { decodeGrpcService } from '../config/grpc-service.ts';
import { decodeDetected, decodeHttpTarget } from '../config/tracing.ts';
import type { Attribute, ExporterConfig } from '../tracing/config.ts';
import { BootstrapError } from './bootstrap-error.ts';

export type StatsSinkConfig =
  | {
      readonly kind: 'statsd';
      readonly address: string;
      readonly port: number;
      readonly prefix: string;
      /** Variable parts of a name stand as tags behind the value (DogStatsD). */
      readonly tagged: boolean;
      /** Bytes of one datagram; 0 is one statistic in each. */
      readonly datagram: number;
    }
  | { readonly kind: 'statsd-tcp'; readonly cluster: string; readonly prefix: string }
  | {
      readonly kind: 'metrics-service';
      readonly target: ReturnType<typeof decodeGrpcService>;
      readonly counterDeltas: boolean;
      /** Variable parts of a name are labels, and leave it. */
      readonly tagLabels: boolean;
      readonly emit: HistogramEmitMode;
      /** Families in one message; 0: all. */
      readonly batchSize: number;
    }
  | {
      readonly kind: 'open-telemetry';
      readonly target: ExporterConfig['target'];
      readonly resource: readonly Attribute[];
      /** '' for none. */
      readonly prefix: string;
      readonly counterDeltas: boolean;
      readonly histogramDeltas: boolean;
      /** Variable parts of a name are attributes; whether they stand in the name still. */
      readonly tagAttributes: boolean;
      readonly tagsLeaveNames: boolean;
    };

export type StatsSinks = {
  /** Milliseconds. */
  readonly interval: number;
  readonly sinks: readonly StatsSinkConfig[];
};

const INTERVAL = 5_000;
const PREFIX = 'envoy';

/** @throws BootstrapError */
export function readStatsSinks(message: Bootstrap): StatsSinks {
  const { statsSinks } = message;
  const interval = message.statsFlushInterval === undefined ? INTERVAL : durationMs(message.statsFlushInterval);
  if (!(interval >= 1) || interval > 300_000)
    throw new BootstrapError('stats_flush_interval: must be between 1 ms and 5 minutes');
  return { interval, sinks: statsSinks.map((sink, at) => readSink(sink, `stats_sinks[${at}].typed_config`)) };
}

function readSink({ configType }: StatsSink, path: string): StatsSinkConfig {
  const any = configType.value;
  if (any === undefined) throw new BootstrapError(`${path}: is required`);
  if (anyIs(any, StatsdSinkSchema)) {
    const { statsdSpecifier, prefix } = anyUnpack(any, StatsdSinkSchema)!;
    if (statsdSpecifier.case === 'tcpClusterName')
      return { kind: 'statsd-tcp', cluster: statsdSpecifier.value, prefix: prefix || PREFIX };
    if (statsdSpecifier.case !== 'address') throw new BootstrapError(`${path}.address: is required`);
    return {
      kind: 'statsd',
      ...readAddress(statsdSpecifier.value, path),
      prefix: prefix || PREFIX,
      tagged: false,
      datagram: 0,
    };
  }
  if (anyIs(any, DogStatsdSinkSchema)) {
    const { dogStatsdSpecifier: where, prefix, maxBytesPerDatagram } = anyUnpack(any, DogStatsdSinkSchema)!;
    if (where.case !== 'address') throw new BootstrapError(`${path}.address: is required`);
    const datagram = Number(maxBytesPerDatagram ?? 0n);
    return { kind: 'statsd', ...readAddress(where.value, path), prefix: prefix || PREFIX, tagged: true, datagram };
  }
  if (anyIs(any, MetricsServiceConfigSchema))
    return readMetricsService(anyUnpack(any, MetricsServiceConfigSchema)!, path);
  if (anyIs(any, SinkConfigSchema)) return readOpenTelemetry(anyUnpack(any, SinkConfigSchema)!, path);
  throw new BootstrapError(`${path}: type ${any.typeUrl.replace(/^.*\//, '')} is not supported`);
}

function readAddress({ address }: Address, path: string): { readonly address: string; readonly port: number } {
  if (address.case !== 'socketAddress' || address.value.portSpecifier.case !== 'portValue') {
    throw new BootstrapError(`${path}.address: needs a socket_address with port_value`);
  }
  return { address: address.value.address, port: address.value.portSpecifier.value };
}

function readOpenTelemetry(config: SinkConfig, path: string): StatsSinkConfig {
  const { protocolSpecifier } = config;
  const unread = [
    ['custom_metric_conversions', config.customMetricConversions !== undefined],
    ['max_data_points_per_request', config.maxDataPointsPerRequest > 0],
  ] as const;
  for (const [field, set] of unread) if (set) throw new BootstrapError(`${path}.${field}: not supported`);
  return {
    kind: 'open-telemetry',
    target: readTarget(protocolSpecifier, path),
    resource: decodeDetected(config.resourceDetectors, `${path}.resource_detectors`),
    prefix: config.prefix,
    counterDeltas: config.reportCountersAsDeltas,
    histogramDeltas: config.reportHistogramsAsDeltas,
    tagAttributes: config.emitTagsAsAttributes ?? true,
    tagsLeaveNames: config.useTagExtractedName ?? true,
  };
}

function readTarget(specifier: SinkConfig['protocolSpecifier'], path: string): ExporterConfig['target'] {
  switch (specifier.case) {
    case undefined:
      throw new BootstrapError(`${path}: needs one of grpc_service and http_service`);
    case 'grpcService':
      return { kind: 'grpc', service: decodeGrpcService(specifier.value, 0, `${path}.grpc_service`) };
    case 'httpService':
      return decodeHttpTarget(specifier.value, `${path}.http_service`);
  }
}

function readMetricsService(config: MetricsServiceConfig, path: string): StatsSinkConfig {
  if (config.transportApiVersion !== ApiVersion.V3)
    throw new BootstrapError(`${path}.transport_api_version: must be V3`);
  return {
    kind: 'metrics-service',
    target: decodeGrpcService(config.grpcService, 0, `${path}.grpc_service`),
    counterDeltas: config.reportCountersAsDeltas ?? false,
    tagLabels: config.emitTagsAsLabels,
    emit: config.histogramEmitMode,
    batchSize: config.batchSize,
  };
}
