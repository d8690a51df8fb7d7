// The filter envoy.filters.http.ext_proc.
import {
  type ExternalProcessor,
  ExternalProcessorSchema,
  type ExtProcPerRoute,
  ExtProcPerRouteSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { compiler, type FilterKind, routeSettings } from '../define.ts';
import type { HttpFilter } from '../filter.ts';
import { compileConfig, compileNamespaces, type ProcessorConfig, streamTarget } from './config.ts';
import { compileMode } from './mode.ts';
import { Session } from './session.ts';

/** What a route says instead of the chain. */
const ofRoute = routeSettings<Partial<ProcessorConfig>>();

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
      return new Session(settings === undefined ? config : { ...config, ...settings }, exchange, scope, stream);
    },
  };
}

function compileRoute({ override }: ExtProcPerRoute, name: string, path: string): HttpFilter | null {
  switch (override.case) {
    case 'disabled':
      if (!override.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return null;
    case 'overrides': {
      const here = at(path, 'overrides');
      const { processingMode, grpcService, failureModeAllow, metadataOptions } = override.value;
      return ofRoute.make(name, {
        ...(processingMode === undefined ? {} : { mode: compileMode(processingMode, at(here, 'processing_mode')) }),
        ...(grpcService === undefined ? {} : { target: streamTarget(grpcService, at(here, 'grpc_service')) }),
        ...(failureModeAllow === undefined ? {} : { failureAllowed: failureModeAllow }),
        ...(metadataOptions === undefined ? {} : compileNamespaces(metadataOptions)),
      });
    }
    default:
      throw new ConfigError(path, 'says neither disabled nor overrides');
  }
}
