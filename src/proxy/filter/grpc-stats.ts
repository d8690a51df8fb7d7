// The filter envoy.filters.http.grpc_stats: calls and messages of gRPC, per cluster and where wanted per method.
import {
  type FilterConfig,
  FilterConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import { leaveObject, StateObject } from '../http/state-object.ts';
import { clusterScope } from './cluster-stats.ts';
import { compiler, type FilterKind } from './define.ts';
import type { FilterScope, FilterStream, HttpFilter, StreamFilter } from './filter.ts';
import { count, countStatus, type GrpcCounters, type GrpcMethod, methodOf, recordTime } from './grpc-counters.ts';

/** How the counters of a call are named below `cluster.<name>.grpc`; null: not apart from the others. */
type Naming = (called: GrpcMethod) => string | null;

const STATE = 'envoy.filters.http.grpc_stats';

export const grpcStats: FilterKind = { chain: compiler(FilterConfigSchema, createGrpcStats), route: null };

function createGrpcStats(config: FilterConfig, name: string, path: string): HttpFilter {
  const naming = compileNaming(config, path);
  const options = { leavesCounts: config.emitFilterState, timesUpstream: config.enableUpstreamStats };
  return {
    name,
    open(exchange, scope, stream) {
      const type = exchange.request.headers.get('content-type');
      const isGrpc = type === 'application/grpc' || type?.startsWith('application/grpc+') === true;
      return isGrpc ? new CountedCall(naming, options, exchange, scope, stream) : null;
    },
  };
}

type CallOptions = {
  /** Numbers of messages are left in filter state. */
  readonly leavesCounts: boolean;
  /** How long upstreams took is recorded. */
  readonly timesUpstream: boolean;
};

class CountedCall implements StreamFilter {
  readonly #naming: Naming;
  readonly #options: CallOptions;
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  readonly #up = new MessageCount();
  readonly #down = new MessageCount();
  readonly #called: GrpcMethod | null;
  #status: string | undefined;

  constructor(naming: Naming, options: CallOptions, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#naming = naming;
    this.#options = options;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
    this.#called = methodOf(exchange.request.path);
  }

  readonly request = {
    data: (chunk: Buffer): void => {
      this.#up.add(chunk);
      if (this.#options.leavesCounts) this.#leaveCounts();
      this.#stream.request.write(chunk);
    },
  };

  readonly response = {
    head: ({ headers }: { headers: HeaderMap }): undefined => {
      this.#status = headers.get('grpc-status');
    },
    data: (chunk: Buffer): void => {
      this.#down.add(chunk);
      if (this.#options.leavesCounts) this.#leaveCounts();
      this.#stream.response.write(chunk);
    },
    end: (trailers: HeaderMap | null): void => {
      this.#status = trailers?.get('grpc-status') ?? this.#status;
      this.#stream.response.finish(trailers);
    },
  };

  /** `FilterObject` (extensions.filters.http.grpc_stats.v3): in JSON its numbers are texts, and none is 0. */
  #leaveCounts(): void {
    const [up, down] = [this.#up.messages, this.#down.messages];
    if (up + down === 0) return;
    const members = (request: string, response: string) => ({
      ...(up === 0 ? {} : { [request]: String(up) }),
      ...(down === 0 ? {} : { [response]: String(down) }),
    });
    const text = JSON.stringify(members('requestMessageCount', 'responseMessageCount'));
    const object = new StateObject(text, members('request_message_count', 'response_message_count'));
    leaveObject(this.#exchange, STATE, `${up},${down}`, object);
  }

  done(): void {
    const { cluster } = this.#exchange;
    if (cluster === '' || this.#called === null) return;
    const name = this.#naming(this.#called);
    const counters = this.#scope.stats(
      `${clusterScope(this.#scope, cluster)}.grpc${name === null ? '' : `.${name}`}`,
      (): GrpcCounters => ({}),
    );
    if (this.#status !== undefined) countStatus(counters, this.#status);
    count(counters, 'request_message_count', this.#up.messages);
    count(counters, 'response_message_count', this.#down.messages);
    const { upstreamSentEnd, upstreamEnded } = this.#exchange;
    if (this.#options.timesUpstream && upstreamSentEnd > 0 && upstreamEnded > 0)
      recordTime(counters, Math.floor(upstreamEnded - upstreamSentEnd));
  }
}

/** Counts length-prefixed messages by their prefixes, without keeping a byte of them. */
class MessageCount {
  messages = 0;
  /** Bytes of the current message still to come; prefix bytes collected so far. */
  #left = 0;
  #prefix = 0;
  #length = 0;

  add(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, chunk.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      if (this.#prefix > 0) this.#length = this.#length * 256 + chunk[at]!;
      this.#prefix += 1;
      at += 1;
      if (this.#prefix < 5) continue;
      this.messages += 1;
      this.#left = this.#length;
      this.#length = 0;
      this.#prefix = 0;
    }
  }
}

function compileNaming(config: FilterConfig, path: string): Naming {
  const { perMethodStatSpecifier: which } = config;
  const shown = (service: string) => (config.replaceDotsInGrpcServiceName ? service.replaceAll('.', '_') : service);
  switch (which.case) {
    case 'statsForAllMethods':
      return which.value.value ? ({ service, method }) => `${shown(service)}.${method}` : () => null;
    case 'individualMethodStatsAllowlist': {
      const here = at(path, 'individual_method_stats_allowlist.services');
      const listed = mapAt(which.value.services, here, ({ name, methodNames }, where) => {
        if (name === '') throw new ConfigError(at(where, 'name'), 'is empty');
        return [name, new Set(methodNames)] as const;
      });
      const methods = new Map(listed);
      return ({ service, method }) =>
        methods.get(service)?.has(method) === true ? `${shown(service)}.${method}` : null;
    }
    default:
      return () => null;
  }
}
