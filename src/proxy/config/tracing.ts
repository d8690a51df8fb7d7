// HttpConnectionManager.Tracing → TracingConfig. Providers are OpenTelemetry and Zipkin.

import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { HttpService } from '../../xds/gen/envoy/config/core/v3/http_service_pb.ts';
import {
  type OpenTelemetryConfig,
  OpenTelemetryConfigSchema,
} from '../../xds/gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import {
  ZipkinConfig_TraceContextOption as ContextOption,
  ZipkinConfig_CollectorEndpointVersion as EndpointVersion,
  type ZipkinConfig,
  ZipkinConfigSchema,
} from '../../xds/gen/envoy/config/trace/v3/zipkin_pb.ts';
import type { HttpConnectionManager_Tracing } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { EnvironmentResourceDetectorConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.ts';
import { StaticConfigResourceDetectorConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.ts';
import { AlwaysOnSamplerConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/always_on_sampler_pb.ts';
import { ParentBasedSamplerConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler_pb.ts';
import { TraceIdRatioBasedSamplerConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler_pb.ts';
import type { Attribute, ExporterConfig, TracingConfig } from '../tracing/config.ts';
import { alwaysOn, parentBased, ratio, type Sampler } from '../tracing/sampler.ts';
import { typeNameOf, unpack, unsupportedType } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeGrpcService } from './grpc-service.ts';
import { decodeHttpUri } from './http-uri.ts';
import { decodeSpanOptions } from './span-options.ts';
import { share } from './values.ts';

const MAXIMUM_PATH = 256;
const QUEUE = 1024;

/** null: without a provider nothing is traced. `childSpans`: the router asks for a span per attempt, too. */
export function decodeTracing(
  tracing: HttpConnectionManager_Tracing | undefined,
  childSpans: boolean,
  requestIds: TracingConfig['requestIds'],
  path: string,
): TracingConfig | null {
  if (tracing?.provider === undefined) return null;
  const { configType } = tracing.provider;
  const here = at(path, 'provider.typed_config');
  const isZipkin = configType.value !== undefined && typeNameOf(configType.value) === ZipkinConfigSchema.typeName;
  const provider = isZipkin
    ? decodeZipkin(unpack(configType.value, ZipkinConfigSchema, here), here)
    : decodeOpenTelemetry(unpack(configType.value, OpenTelemetryConfigSchema, here), here);
  return {
    ...provider,
    requestIds,
    options: decodeSpanOptions(tracing, path),
    maxPathLength: tracing.maxPathTagLength ?? MAXIMUM_PATH,
    verbose: tracing.verbose,
    spawnUpstream: childSpans || (tracing.spawnUpstreamSpan ?? false),
    propagate: !tracing.noContextPropagation,
  };
}

type Provider = Pick<TracingConfig, 'sampler' | 'exporter' | 'zipkin'>;

function decodeOpenTelemetry(provider: OpenTelemetryConfig, path: string): Provider {
  const sampler = provider.sampler === undefined ? null : decodeSampler(provider.sampler, at(path, 'sampler'));
  return { sampler, exporter: decodeExporter(provider, path), zipkin: null };
}

/** Milliseconds: Envoy's default of `tracing.zipkin.request_timeout`. */
const ZIPKIN_TIMEOUT = 5_000;

function decodeZipkin(config: ZipkinConfig, path: string): Provider {
  if (config.collectorEndpointVersion !== EndpointVersion.HTTP_JSON)
    throw new ConfigError(at(path, 'collector_endpoint_version'), 'must be HTTP_JSON');
  const { collectorService } = config;
  const target =
    collectorService === undefined
      ? decodeCollector(config, path)
      : decodeHttpTarget(collectorService, at(path, 'collector_service'));
  return {
    sampler: null,
    exporter: { resource: [], queueSize: QUEUE, target },
    zipkin: {
      shared: config.sharedSpanContext ?? true,
      wideIds: config.traceId128bit,
      timedIds: config.timestampTraceIds,
      w3c: config.traceContextOption === ContextOption.USE_B3_WITH_W3C_PROPAGATION,
    },
  };
}

function decodeCollector(config: ZipkinConfig, path: string): ExporterConfig['target'] {
  const { collectorCluster: cluster, collectorEndpoint, collectorHostname } = config;
  if (cluster === '') throw new ConfigError(at(path, 'collector_cluster'), 'is empty');
  if (collectorEndpoint === '') throw new ConfigError(at(path, 'collector_endpoint'), 'is empty');
  const authority = collectorHostname || cluster;
  const uri = { cluster, scheme: 'http', authority, path: collectorEndpoint, timeout: ZIPKIN_TIMEOUT } as const;
  return { kind: 'http', uri, headers: [] };
}

function decodeExporter(provider: OpenTelemetryConfig, path: string): ExporterConfig {
  const { grpcService, httpService } = provider;
  if ((grpcService === undefined) === (httpService === undefined)) {
    throw new ConfigError(path, 'needs one of grpc_service and http_service');
  }
  const common = {
    resource: decodeResource(provider, path),
    queueSize: provider.maxCacheSize ?? QUEUE,
  };
  if (grpcService !== undefined) {
    const service = decodeGrpcService(grpcService, 0, at(path, 'grpc_service'));
    return { ...common, target: { kind: 'grpc', service } };
  }
  return { ...common, target: decodeHttpTarget(httpService!, at(path, 'http_service')) };
}

export function decodeHttpTarget(service: HttpService, path: string): ExporterConfig['target'] {
  const uri = decodeHttpUri(service.httpUri, at(path, 'http_uri'));
  const headers = mapAt(
    service.requestHeadersToAdd,
    at(path, 'request_headers_to_add'),
    ({ header }, there): Attribute => {
      if (header === undefined || header.key === '') throw new ConfigError(at(there, 'header.key'), 'is required');
      return [header.key.toLowerCase(), header.value];
    },
  );
  return { kind: 'http', uri, headers };
}

/** Detectors in order, then who we are: the first that names an attribute keeps it. */
function decodeResource(provider: OpenTelemetryConfig, path: string): readonly Attribute[] {
  const detected = mapAt(provider.resourceDetectors, at(path, 'resource_detectors'), detect).flat();
  const own: Attribute[] = [
    ...((provider.setServiceNameResourceAttribute ?? true)
      ? [['service.name', provider.serviceName || 'unknown_service:envoy'] as const]
      : []),
    ...((provider.setTelemetrySdkResourceAttributes ?? true) ? SDK : []),
  ];
  return firstOfEach([...detected, ...own]);
}

function firstOfEach(attributes: readonly Attribute[]): readonly Attribute[] {
  const all = new Map<string, string>();
  for (const [key, value] of attributes) if (!all.has(key)) all.set(key, value);
  return [...all];
}

/** What the detectors find, and what writes it. */
export function decodeDetected(detectors: readonly TypedExtensionConfig[], path: string): readonly Attribute[] {
  return firstOfEach([...mapAt(detectors, path, detect).flat(), ...SDK]);
}

const SDK: readonly Attribute[] = [
  ['telemetry.sdk.language', 'nodejs'],
  ['telemetry.sdk.name', 'tulle'],
];

function detect({ typedConfig }: TypedExtensionConfig, path: string): readonly Attribute[] {
  const here = at(path, 'typed_config');
  if (typedConfig === undefined) throw new ConfigError(here, 'is required');
  if (typeNameOf(typedConfig) === StaticConfigResourceDetectorConfigSchema.typeName) {
    return Object.entries(unpack(typedConfig, StaticConfigResourceDetectorConfigSchema, here).attributes);
  }
  if (typeNameOf(typedConfig) !== EnvironmentResourceDetectorConfigSchema.typeName) {
    throw unsupportedType(typedConfig, here);
  }
  unpack(typedConfig, EnvironmentResourceDetectorConfigSchema, here);
  const pairs = (process.env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',').filter((pair) => pair.includes('='));
  return pairs.map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()]);
}

function decodeSampler({ typedConfig }: TypedExtensionConfig, path: string): Sampler {
  const here = at(path, 'typed_config');
  if (typedConfig === undefined) throw new ConfigError(here, 'is required');
  switch (typeNameOf(typedConfig)) {
    case AlwaysOnSamplerConfigSchema.typeName:
      unpack(typedConfig, AlwaysOnSamplerConfigSchema, here);
      return alwaysOn;
    case TraceIdRatioBasedSamplerConfigSchema.typeName:
      return ratio(share(unpack(typedConfig, TraceIdRatioBasedSamplerConfigSchema, here).samplingPercentage, 0));
    case ParentBasedSamplerConfigSchema.typeName: {
      const { wrappedSampler } = unpack(typedConfig, ParentBasedSamplerConfigSchema, here);
      if (wrappedSampler === undefined) throw new ConfigError(at(here, 'wrapped_sampler'), 'is required');
      return parentBased(decodeSampler(wrappedSampler, at(here, 'wrapped_sampler')));
    }
    default:
      throw unsupportedType(typedConfig, here);
  }
}
