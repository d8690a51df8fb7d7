// HttpGrpcAccessLogConfig and TcpGrpcAccessLogConfig → logs that go to an access log service.
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { ApiVersion } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  HTTPAccessLogEntrySchema,
  TCPAccessLogEntrySchema,
} from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import type {
  CommonGrpcAccessLogConfig,
  HttpGrpcAccessLogConfig,
  TcpGrpcAccessLogConfig,
} from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { decodeCustomTag } from '../config/custom-tag.ts';
import { decodeGrpcService } from '../config/grpc-service.ts';
import { millis } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { wantWireBytes } from '../http/wire-bytes.ts';
import type { AccessLog } from './access-log.ts';
import { type CommonOptions, type EntryOptions, httpEntry, tcpEntry } from './grpc-log-entry.ts';
import { LogStream, type LogStreamConfig, LogStreamStats } from './grpc-log-stream.ts';

const FLUSH_INTERVAL = 1_000;
const BUFFER_SIZE = 16_384;

export function decodeHttpGrpcLog(config: HttpGrpcAccessLogConfig, path: string): AccessLog {
  const { commonConfig } = config;
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  const options: EntryOptions = {
    ...commonOptions(commonConfig, path),
    requestHeaders: lower(config.additionalRequestHeadersToLog),
    responseHeaders: lower(config.additionalResponseHeadersToLog),
    responseTrailers: lower(config.additionalResponseTrailersToLog),
  };
  const stream = {
    ...decodeCommon(commonConfig, at(path, 'common_config')),
    schema: HTTPAccessLogEntrySchema,
    batch: (logEntry: MessageInitShape<typeof HTTPAccessLogEntrySchema>[]) => ({
      case: 'httpLogs' as const,
      value: { logEntry },
    }),
  };
  return logTo(stream, (exchange, ended) => httpEntry(exchange, ended, options));
}

export function decodeTcpGrpcLog({ commonConfig }: TcpGrpcAccessLogConfig, path: string): AccessLog {
  const options = commonOptions(commonConfig, path);
  const stream = {
    ...decodeCommon(commonConfig, at(path, 'common_config')),
    schema: TCPAccessLogEntrySchema,
    batch: (logEntry: MessageInitShape<typeof TCPAccessLogEntrySchema>[]) => ({
      case: 'tcpLogs' as const,
      value: { logEntry },
    }),
  };
  return logTo(stream, (exchange, ended) => tcpEntry(exchange, ended, options));
}

function decodeCommon(config: CommonGrpcAccessLogConfig | undefined, path: string) {
  if (config === undefined) throw new ConfigError(path, 'is required');
  if (config.logName === '') throw new ConfigError(at(path, 'log_name'), 'is empty');
  if (config.transportApiVersion !== ApiVersion.V3)
    throw new ConfigError(at(path, 'transport_api_version'), 'must be V3');
  const flushInterval = millis(config.bufferFlushInterval, FLUSH_INTERVAL, at(path, 'buffer_flush_interval'));
  if (flushInterval === 0) throw new ConfigError(at(path, 'buffer_flush_interval'), 'must be more than 0');
  return {
    logName: config.logName,
    target: decodeGrpcService(config.grpcService, 0, at(path, 'grpc_service')),
    flushInterval,
    bufferSize: config.bufferSizeBytes ?? BUFFER_SIZE,
  };
}

function commonOptions(config: CommonGrpcAccessLogConfig | undefined, path: string): CommonOptions {
  return {
    customTags: mapAt(config?.customTags ?? [], at(path, 'common_config.custom_tags'), decodeCustomTag),
    filterState: config?.filterStateObjectsToLog ?? [],
  };
}

function logTo<Entry extends DescMessage>(
  config: LogStreamConfig<Entry>,
  entryOf: (exchange: Exchange, ended: number) => MessageInitShape<Entry>,
): AccessLog {
  wantWireBytes();
  return {
    write() {
      throw new Error('a log of an access log service is written to before it is opened');
    },
    open(services) {
      const stats = services.filterStats('access_logs.grpc_access_log', () => new LogStreamStats());
      const stream = new LogStream(config, services, stats);
      return {
        write(exchange, ended) {
          stream.add(entryOf(exchange, ended));
        },
      };
    },
  };
}
