// `stats_sinks` and `stats_flush_interval` → where statistics are sent, and how often.
import { anyIs, anyUnpack, durationMs } from '@bufbuild/protobuf/wkt';
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
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
  | {
      readonly kind: 'open-telemetry';
      readonly target: ReturnType<typeof decodeGrpcService>;
      /** '' for none. */
      readonly prefix: string;
      readonly counterDeltas: boolean;
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
  const { statsFlush, statsSinks } = message;
  const interval = message.statsFlushInterval === undefined ? INTERVAL : durationMs(message.statsFlushInterval);
  if (!(interval >= 1) || interval > 300_000)
    throw new BootstrapError('stats_flush_interval: must be between 1 ms and 5 minutes');
  if (statsFlush.case === 'statsFlushOnAdmin') throw new BootstrapError('stats_flush_on_admin: not supported');
  return { interval, sinks: statsSinks.map((sink, at) => readSink(sink, `stats_sinks[${at}].typed_config`)) };
}

function readSink({ configType }: StatsSink, path: string): StatsSinkConfig {
  const any = configType.value;
  if (any === undefined) throw new BootstrapError(`${path}: is required`);
  if (anyIs(any, StatsdSinkSchema)) {
    const { statsdSpecifier, prefix } = anyUnpack(any, StatsdSinkSchema)!;
    if (statsdSpecifier.case !== 'address') throw new BootstrapError(`${path}: only address is supported`);
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
  if (protocolSpecifier.case !== 'grpcService') throw new BootstrapError(`${path}: only grpc_service is supported`);
  const unread = [
    ['resource_detectors', config.resourceDetectors.length > 0],
    ['report_histograms_as_deltas', config.reportHistogramsAsDeltas],
    ['custom_metric_conversions', config.customMetricConversions !== undefined],
    ['max_data_points_per_request', config.maxDataPointsPerRequest > 0],
  ] as const;
  for (const [field, set] of unread) if (set) throw new BootstrapError(`${path}.${field}: not supported`);
  return {
    kind: 'open-telemetry',
    target: decodeGrpcService(protocolSpecifier.value, 0, `${path}.grpc_service`),
    prefix: config.prefix,
    counterDeltas: config.reportCountersAsDeltas,
    tagAttributes: config.emitTagsAsAttributes ?? true,
    tagsLeaveNames: config.useTagExtractedName ?? true,
  };
}
