// A processor and what is asked of it, compiled.
import {
  type ExternalProcessor,
  type MetadataOptions,
  ExternalProcessor_RouteCacheAction as RouteCache,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts';
import {
  ProcessingMode_BodySendMode as BodyMode,
  ProcessingMode_HeaderSendMode as HeadMode,
} from '../../../xds/gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts';
import type { GrpcTarget } from '../../client/grpc-stream.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { decodeGrpcService } from '../../config/grpc-service.ts';
import type { HttpUriConfig } from '../../config/http-uri.ts';
import { millis } from '../../config/values.ts';
import { compileString, type StringTest } from '../../route/match/string-matcher.ts';
import { perScope } from '../define.ts';
import type { FilterScope } from '../filter.ts';
import { compileRules, type Rules } from '../mutation-rules.ts';
import { compileAttributes } from './attributes.ts';
import { compileHttpService } from './http-processor.ts';
import { compileMode, type Mode } from './mode.ts';
import { ProcessorStats } from './processor-stats.ts';

type Attributes = ReturnType<typeof compileAttributes>;

/** How the server is spoken to. */
export type ProcessorService =
  | { readonly kind: 'grpc'; readonly target: GrpcTarget }
  | { readonly kind: 'http'; readonly uri: HttpUriConfig };

export type ProcessorConfig = {
  readonly service: ProcessorService;
  readonly mode: Mode;
  readonly failureAllowed: boolean;
  /** Milliseconds for one answer, and at most for one that the server asks more time for; 0 where it may not. */
  readonly timeout: number;
  readonly maxTimeout: number;
  readonly rules: Rules;
  readonly modeOverride: boolean;
  /** [] allows all. */
  readonly allowedModes: readonly Mode[];
  readonly immediate: boolean;
  /** The server only watches: nothing waits for it, and what it says is not heard. */
  readonly observes: boolean;
  /** Milliseconds for which a stream of one that watches outlasts the exchange. */
  readonly closeDelay: number;
  /** Pieces of a body are sent before the head is answered. */
  readonly eager: boolean;
  /** null: as the server says. */
  readonly clearRoute: boolean | null;
  readonly statusOnError: number;
  /** Names of dynamic metadata that the server sees, and that it may set. */
  readonly forwardedNamespaces: readonly string[];
  readonly receivedNamespaces: readonly string[];
  /** null: the server is told none. */
  readonly requestAttributes: Attributes;
  readonly responseAttributes: Attributes;
  /** The length that a head says stays, though the body may change. */
  readonly keepsLength: boolean;
  /** Which headers the server sees. */
  shows(name: string): boolean;
  statsOf(scope: FilterScope): ProcessorStats;
};

/** Milliseconds, Envoy's defaults. */
const MESSAGE_TIMEOUT = 200;
const CLOSE_DELAY = 5_000;
const LONGEST_TIMEOUT = 3_600_000;

export function compileConfig(message: ExternalProcessor, path: string): ProcessorConfig {
  const statPath = message.statPrefix === '' ? 'ext_proc' : `ext_proc.${message.statPrefix}`;
  return {
    service: compileService(message, path),
    mode: compileMode(message.processingMode, at(path, 'processing_mode')),
    failureAllowed: message.failureModeAllow,
    timeout: bounded(message.messageTimeout, MESSAGE_TIMEOUT, at(path, 'message_timeout')),
    maxTimeout: bounded(message.maxMessageTimeout, 0, at(path, 'max_message_timeout')),
    rules: compileRules(message.mutationRules, at(path, 'mutation_rules')),
    modeOverride: message.allowModeOverride,
    allowedModes: mapAt(message.allowedOverrideModes, at(path, 'allowed_override_modes'), compileMode),
    immediate: !message.disableImmediateResponse,
    observes: message.observabilityMode,
    closeDelay: millis(message.deferredCloseTimeout, CLOSE_DELAY, at(path, 'deferred_close_timeout')),
    eager: message.sendBodyWithoutWaitingForHeaderResponse,
    clearRoute: clearsRoute(message, path),
    statusOnError: message.statusOnError?.code || 500,
    ...compileNamespaces(message.metadataOptions),
    requestAttributes: compileAttributes(message.requestAttributes, at(path, 'request_attributes')),
    responseAttributes: compileAttributes(message.responseAttributes, at(path, 'response_attributes')),
    keepsLength: message.allowContentLengthHeader,
    shows: compileShown(message, at(path, 'forward_rules')),
    statsOf: perScope((scope) => scope.stats(`${scope.prefix}${statPath}`, () => new ProcessorStats())),
  };
}

function compileService(message: ExternalProcessor, path: string): ProcessorService {
  const { grpcService, httpService, processingMode: mode } = message;
  if ((grpcService === undefined) === (httpService === undefined))
    throw new ConfigError(path, 'needs one of grpc_service and http_service');
  if (httpService === undefined) return streamService(grpcService, at(path, 'grpc_service'));
  const bodies =
    mode !== undefined && (mode.requestBodyMode !== BodyMode.NONE || mode.responseBodyMode !== BodyMode.NONE);
  const trailers = mode?.requestTrailerMode === HeadMode.SEND || mode?.responseTrailerMode === HeadMode.SEND;
  if (bodies || trailers)
    throw new ConfigError(
      at(path, 'processing_mode'),
      'sends bodies or trailers to an http_service (hint: heads only)',
    );
  return { kind: 'http', uri: compileHttpService(httpService, at(path, 'http_service')) };
}

/** The stream lasts as long as the exchange: a time-out of the service is not its. */
export function streamService(service: ExternalProcessor['grpcService'], path: string): ProcessorService {
  return { kind: 'grpc', target: { ...decodeGrpcService(service, 0, path), timeout: 0 } };
}

export function compileNamespaces(
  options: MetadataOptions | undefined,
): Pick<ProcessorConfig, 'forwardedNamespaces' | 'receivedNamespaces'> {
  return {
    forwardedNamespaces: options?.forwardingNamespaces?.untyped ?? [],
    receivedNamespaces: options?.receivingNamespaces?.untyped ?? [],
  };
}

function bounded(duration: ExternalProcessor['messageTimeout'], otherwise: number, path: string): number {
  const timeout = millis(duration, otherwise, path);
  if (timeout > LONGEST_TIMEOUT) throw new ConfigError(path, 'must be at most 1 hour');
  return timeout;
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
