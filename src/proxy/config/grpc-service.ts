// GrpcService → where calls of the proxy's own go.
import type { HeaderValue } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { GrpcService } from '../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';
import type { GrpcTarget } from '../client/grpc-stream.ts';
import { HeaderMap } from '../http/headers.ts';
import { compileCallRetry } from './call-retry.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { millis } from './values.ts';

/** For streams, which are not repeated. `timeout` in milliseconds where the service says none. */
export function decodeGrpcService(service: GrpcService | undefined, timeout: number, path: string): GrpcTarget {
  refuseSourceRetries(service, path);
  return decodeGrpcSource(service, timeout, path);
}

/** As `decodeGrpcService`, for services that are asked with one message at a time. */
export function decodeUnaryService(service: GrpcService | undefined, timeout: number, path: string): GrpcTarget {
  refuseSourceRetries(service, path);
  const retry = compileCallRetry(service?.retryPolicy, '', at(path, 'retry_policy'));
  return { ...decodeTarget(service, timeout, path), retry };
}

/** As `decodeGrpcService`, for sources of configuration, which read `envoy_grpc.retry_policy`. */
export function decodeGrpcSource(service: GrpcService | undefined, timeout: number, path: string): GrpcTarget {
  if (service?.retryPolicy !== undefined)
    throw new ConfigError(at(path, 'retry_policy'), 'is for services that are asked one question at a time only');
  return decodeTarget(service, timeout, path);
}

function refuseSourceRetries(service: GrpcService | undefined, path: string): void {
  if (service?.targetSpecifier.case === 'envoyGrpc' && service.targetSpecifier.value.retryPolicy !== undefined)
    throw new ConfigError(at(path, 'envoy_grpc.retry_policy'), 'is for sources of configuration only');
}

function decodeTarget(service: GrpcService | undefined, timeout: number, path: string): GrpcTarget {
  if (service?.targetSpecifier.case !== 'envoyGrpc') throw new ConfigError(at(path, 'envoy_grpc'), 'is required');
  const { clusterName, authority, maxReceiveMessageLength } = service.targetSpecifier.value;
  if (clusterName === '') throw new ConfigError(at(path, 'envoy_grpc.cluster_name'), 'is empty');
  const metadata = compileInitialMetadata(service.initialMetadata, at(path, 'initial_metadata'));
  return {
    cluster: clusterName,
    authority,
    timeout: millis(service.timeout, timeout, at(path, 'timeout')),
    metadata: metadata.length === 0 ? null : new HeaderMap(metadata.flat()),
    maxMessage: maxReceiveMessageLength ?? null,
  };
}

export function compileInitialMetadata(values: readonly HeaderValue[], path: string): (readonly [string, string])[] {
  return mapAt(values, path, ({ key, value }, here) => {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(key)) throw new ConfigError(at(here, 'key'), 'is not a header name');
    return [key.toLowerCase(), Buffer.from(value, 'utf8').toString('latin1')] as const;
  });
}
