// The filter envoy.filters.http.ext_proc.
import {
  type ExternalProcessor,
  ExternalProcessorSchema,
  type ExtProcPerRoute,
  ExtProcPerRouteSchema,
  ExternalProcessor_RouteCacheAction as RouteCache,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts';
import type { GrpcTarget } from '../../client/grpc-stream.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { decodeGrpcService } from '../../config/grpc-service.ts';
import { millis } from '../../config/values.ts';
import { compileString, type StringTest } from '../../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope, routeSettings } from '../define.ts';
import type { FilterScope, HttpFilter } from '../filter.ts';
import { compileMode, type Mode } from './mode.ts';
import { compileRules, type Rules } from './mutation.ts';
import { Session } from './session.ts';

export type ProcessorConfig = {
  readonly target: GrpcTarget;
  readonly mode: Mode;
  readonly failureAllowed: boolean;
  /** Milliseconds for one answer. */
  readonly timeout: number;
  readonly rules: Rules;
  readonly modeOverride: boolean;
  readonly immediate: boolean;
  /** null: as the server says. */
  readonly clearRoute: boolean | null;
  readonly statusOnError: number;
  /** Which headers the server sees. */
  shows(name: string): boolean;
  statsOf(scope: FilterScope): ProcessorStats;
};

class ProcessorStats {
  streams_started = 0;
  stream_msgs_sent = 0;
  stream_msgs_received = 0;
  spurious_msgs_received = 0;
  streams_closed = 0;
  streams_failed = 0;
  failure_mode_allowed = 0;
  message_timeouts = 0;
  rejected_header_mutations = 0;
}

type RouteSettings = {
  readonly mode: Mode | null;
  readonly target: GrpcTarget | null;
  readonly failureAllowed: boolean | null;
};

/** Milliseconds, Envoy's default. */
const MESSAGE_TIMEOUT = 200;
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
      const { mode, target, failureAllowed } = settings ?? { mode: null, target: null, failureAllowed: null };
      const own = {
        ...config,
        mode: mode ?? config.mode,
        target: target ?? config.target,
        failureAllowed: failureAllowed ?? config.failureAllowed,
      };
      return new Session(settings === undefined ? config : own, exchange, scope, stream);
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
      const { processingMode, grpcService, failureModeAllow } = override.value;
      return ofRoute.make(name, {
        mode: processingMode === undefined ? null : compileMode(processingMode, at(here, 'processing_mode')),
        target: grpcService === undefined ? null : streamTarget(grpcService, at(here, 'grpc_service')),
        failureAllowed: failureModeAllow ?? null,
      });
    }
    default:
      throw new ConfigError(path, 'says neither disabled nor overrides');
  }
}

function compileConfig(message: ExternalProcessor, path: string): ProcessorConfig {
  const statPath = message.statPrefix === '' ? 'ext_proc' : `ext_proc.${message.statPrefix}`;
  return {
    target: streamTarget(message.grpcService, at(path, 'grpc_service')),
    mode: compileMode(message.processingMode, at(path, 'processing_mode')),
    failureAllowed: message.failureModeAllow,
    timeout: millis(message.messageTimeout, MESSAGE_TIMEOUT, at(path, 'message_timeout')),
    rules: compileRules(message.mutationRules, at(path, 'mutation_rules')),
    modeOverride: message.allowModeOverride,
    immediate: !message.disableImmediateResponse,
    clearRoute: clearsRoute(message, path),
    statusOnError: message.statusOnError?.code || 500,
    shows: compileShown(message, at(path, 'forward_rules')),
    statsOf: perScope((scope) => scope.stats(`${scope.prefix}${statPath}`, () => new ProcessorStats())),
  };
}

/** The stream lasts as long as the exchange: a time-out of the service is not its. */
function streamTarget(service: ExternalProcessor['grpcService'], path: string): GrpcTarget {
  return { ...decodeGrpcService(service, 0, path), timeout: 0 };
}

function clearsRoute({ routeCacheAction, disableClearRouteCache }: ExternalProcessor, path: string): boolean | null {
  if (disableClearRouteCache && routeCacheAction !== RouteCache.DEFAULT)
    throw new ConfigError(at(path, 'disable_clear_route_cache'), 'is set beside route_cache_action');
  if (routeCacheAction === RouteCache.CLEAR) return true;
  return disableClearRouteCache || routeCacheAction === RouteCache.RETAIN ? false : null;
}

function compileShown({ forwardRules }: ExternalProcessor, path: string): (name: string) => boolean {
  const list = (matchers: NonNullable<typeof forwardRules>['allowedHeaders'], field: string): StringTest | null => {
    if (matchers === undefined) return null;
    const tests = mapAt(matchers.patterns, at(path, `${field}.patterns`), compileString);
    return (text) => tests.some((test) => test(text));
  };
  const allowed = list(forwardRules?.allowedHeaders, 'allowed_headers');
  const refused = list(forwardRules?.disallowedHeaders, 'disallowed_headers');
  return (name) => (allowed === null || allowed(name)) && refused?.(name) !== true;
}
