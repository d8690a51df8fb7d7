// The filter envoy.filters.http.ext_proc.
import {
  type ExternalProcessor,
  ExternalProcessorSchema,
  type ExtProcOverrides,
  type ExtProcPerRoute,
  ExtProcPerRouteSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { compileInitialMetadata } from '../../config/grpc-service.ts';
import { HeaderMap } from '../../http/headers.ts';
import { compiler, type FilterKind, routeSettings } from '../define.ts';
import type { HttpFilter } from '../filter.ts';
import {
  compileConfig,
  compileNamespaces,
  type ProcessorConfig,
  type ProcessorService,
  streamService,
} from './config.ts';
import { compileMode } from './mode.ts';
import { Session } from './session.ts';

/** What a route says instead of the chain. */
type RouteSettings = (chain: ProcessorConfig) => ProcessorConfig;

const ofRoute = routeSettings<RouteSettings>();

export const extProc: FilterKind = {
  chain: compiler(ExternalProcessorSchema, createExtProc),
  route: compiler(ExtProcPerRouteSchema, compileRoute),
};

function createExtProc(message: ExternalProcessor, name: string, path: string): HttpFilter {
  const config = compileConfig(message, path);
  return {
    name,
    open(exchange, scope, stream) {
      const settings = ofRoute.of(exchange, name);
      return new Session(settings === undefined ? config : settings(config), exchange, scope, stream);
    },
  };
}

function compileRoute({ override }: ExtProcPerRoute, name: string, path: string): HttpFilter | null {
  switch (override.case) {
    case 'disabled':
      if (!override.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return null;
    case 'overrides':
      return ofRoute.make(name, compileOverrides(override.value, at(path, 'overrides')));
    default:
      throw new ConfigError(path, 'says neither disabled nor overrides');
  }
}

function compileOverrides(overrides: ExtProcOverrides, path: string): RouteSettings {
  const { processingMode, grpcService, failureModeAllow, metadataOptions, grpcInitialMetadata } = overrides;
  const settings: Partial<ProcessorConfig> = {
    ...(processingMode === undefined ? {} : { mode: compileMode(processingMode, at(path, 'processing_mode')) }),
    ...(grpcService === undefined ? {} : { service: streamService(grpcService, at(path, 'grpc_service')) }),
    ...(failureModeAllow === undefined ? {} : { failureAllowed: failureModeAllow }),
    ...(metadataOptions === undefined ? {} : compileNamespaces(metadataOptions)),
  };
  const metadata = compileInitialMetadata(grpcInitialMetadata, at(path, 'grpc_initial_metadata'));
  const made = new WeakMap<ProcessorConfig, ProcessorConfig>();
  return (chain) => {
    const known = made.get(chain);
    if (known !== undefined) return known;
    const merged = { ...chain, ...settings };
    const config = metadata.length === 0 ? merged : { ...merged, service: withMetadata(merged.service, metadata) };
    made.set(chain, config);
    return config;
  };
}

/** A name that the service has too has the route's value. */
function withMetadata(service: ProcessorService, metadata: readonly (readonly [string, string])[]): ProcessorService {
  if (service.kind === 'http') return service;
  const headers = new HeaderMap([...(service.target.metadata ?? [])].flat());
  for (const [key, value] of metadata) headers.set(key, value);
  return { kind: 'grpc', target: { ...service.target, metadata: headers } };
}
