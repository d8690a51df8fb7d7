// ApiConfigSource → the gRPC stream that resources come on.
import {
  type ApiConfigSource,
  ApiConfigSource_ApiType,
  ApiVersion,
  type RateLimitSettings,
} from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { GrpcService_EnvoyGrpc } from '../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';
import type { RequestRate } from '../../xds/request-pace.ts';
import type { GrpcTarget } from '../client/grpc-stream.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeGrpcSource } from './grpc-service.ts';
import { positiveMillis } from './values.ts';

export type StreamSource = {
  readonly target: GrpcTarget;
  readonly protocol: 'sotw' | 'delta';
  /** The node goes out with the first request of a stream only. */
  readonly nodeOnce: boolean;
  /** How fast requests go out; null as they come. */
  readonly rate: RequestRate | null;
  /** Milliseconds between a broken stream and the next: doubles from one to the other. */
  readonly retry: { readonly base: number; readonly max: number };
};

/** A snapshot of thousands of endpoints is one message of state of the world. */
const MAXIMUM_MESSAGE = 64 * 1024 * 1024;
const RETRY_BASE = 500;
const RETRY_MAX = 10_000;

export function decodeStreamSource(source: ApiConfigSource, path: string): StreamSource {
  const protocol = protocolOf(source, path);
  if (source.transportApiVersion === ApiVersion.V2)
    throw new ConfigError(at(path, 'transport_api_version'), 'must be V3');
  const [service] = source.grpcServices;
  const here = at(path, 'grpc_services');
  const envoyGrpc = service?.targetSpecifier.case === 'envoyGrpc' ? service.targetSpecifier.value : undefined;
  if (source.grpcServices.length !== 1 || envoyGrpc === undefined || envoyGrpc.clusterName === '') {
    throw new ConfigError(here, 'must be one envoy_grpc with a cluster_name');
  }
  const target = decodeGrpcSource(service, 0, `${here}[0]`);
  const { maxMessage } = target;
  return {
    // A stream lasts as long as it can.
    target: { ...target, timeout: 0, maxMessage: maxMessage ?? MAXIMUM_MESSAGE },
    protocol,
    nodeOnce: source.setNodeOnFirstMessageOnly,
    rate: decodeRate(source.rateLimitSettings, at(path, 'rate_limit_settings')),
    retry: decodeRetry(envoyGrpc, `${here}[0].envoy_grpc`),
  };
}

function protocolOf({ apiType }: ApiConfigSource, path: string): StreamSource['protocol'] {
  if (apiType === ApiConfigSource_ApiType.GRPC) return 'sotw';
  if (apiType === ApiConfigSource_ApiType.DELTA_GRPC) return 'delta';
  throw new ConfigError(at(path, 'api_type'), 'must be GRPC or DELTA_GRPC');
}

/** Defaults are Envoy's. */
function decodeRate(settings: RateLimitSettings | undefined, path: string): RequestRate | null {
  if (settings === undefined) return null;
  const { maxTokens: burst = 100, fillRate: perSecond = 10 } = settings;
  if (!(perSecond > 0)) throw new ConfigError(at(path, 'fill_rate'), 'must be more than 0');
  if (burst === 0)
    throw new ConfigError(
      at(path, 'max_tokens'),
      'must be more than 0 (hint: without a token nothing is ever asked for)',
    );
  return { burst, perSecond };
}

function decodeRetry({ retryPolicy }: GrpcService_EnvoyGrpc, path: string): StreamSource['retry'] {
  const here = at(path, 'retry_policy.retry_back_off');
  const { baseInterval, maxInterval } = retryPolicy?.retryBackOff ?? {};
  const base = positiveMillis(baseInterval, RETRY_BASE, at(here, 'base_interval'));
  const max = positiveMillis(maxInterval, baseInterval === undefined ? RETRY_MAX : base * 10, at(here, 'max_interval'));
  if (max < base) throw new ConfigError(at(here, 'max_interval'), 'must be at least base_interval');
  return { base, max };
}
