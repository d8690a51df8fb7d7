// The filter envoy.filters.http.fault.
import type { Timer } from '../../../lib/timer-wheel.ts';
import { type HTTPFault, HTTPFaultSchema } from '../../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { at } from '../../config/config-error.ts';
import { type Keyed, keyed } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import { flag } from '../../http/flags.ts';
import type { ResponseHead } from '../../http/message.ts';
import { chosenCluster } from '../../route/chosen-cluster.ts';
import { compileHeaders } from '../../route/match/header-matcher.ts';
import { compiler, type FilterKind, perScope } from '../define.ts';
import type {
  FilterScope,
  FilterStage,
  FilterStream,
  HeadOutcome,
  HttpFilter,
  LocalReply,
  StreamFilter,
} from '../filter.ts';
import { byteBucket, FILL_INTERVAL, Throttle } from '../throttle.ts';
import { type Abort, compileAbort, compileDelay, compileRateLimit, type Injection } from './config.ts';

/** A route's configuration is complete: it takes the place of the chain's. */
export const fault: FilterKind = {
  chain: compiler(HTTPFaultSchema, createFault),
  route: compiler(HTTPFaultSchema, createFault),
};

class FaultStats {
  delays_injected = 0;
  aborts_injected = 0;
  response_rl_injected = 0;
  faults_overflow = 0;
  active_faults = 0;
}

type Config = {
  readonly delay: Injection<number> | null;
  readonly abort: Injection<Abort> | null;
  readonly rateLimit: Injection<number> | null;
  readonly abortBody: string;
  readonly maxActive: Keyed<number>;
  applies(exchange: Exchange, random: () => number): boolean;
  statsOf(scope: FilterScope): FaultStats;
};

function createFault(message: HTTPFault, name: string, path: string): HttpFilter {
  const config = compileConfig(message, path);
  // In a chain it often only keeps the place for what routes say.
  if (config.delay === null && config.abort === null && config.rateLimit === null) return { name };
  return {
    name,
    open(exchange, scope, stream) {
      if (!config.applies(exchange, scope.random)) return null;
      return new Fault(config, exchange, scope, stream);
    },
  };
}

function compileConfig(message: HTTPFault, path: string): Config {
  const onHeaders = compileHeaders(message.headers, at(path, 'headers'));
  const { upstreamCluster } = message;
  const nodes: ReadonlySet<string> = new Set(message.downstreamNodes);
  return {
    delay: compileDelay(message, at(path, 'delay')),
    abort: compileAbort(message, at(path, 'abort')),
    rateLimit: compileRateLimit(message, at(path, 'response_rate_limit')),
    abortBody: message.abort?.responseBody || 'fault filter abort',
    maxActive: keyed(
      'integer',
      message.maxActiveFaultsRuntime || 'fault.http.max_active_faults',
      message.maxActiveFaults ?? Number.POSITIVE_INFINITY,
    ),
    applies: (exchange, random) =>
      onHeaders(exchange.request) &&
      (nodes.size === 0 || nodes.has(exchange.request.headers.get('x-envoy-downstream-service-node') ?? '')) &&
      (upstreamCluster === '' || chosenCluster(exchange, random) === upstreamCluster),
    statsOf: perScope((scope) => scope.stats(`${scope.prefix}fault`, () => new FaultStats())),
  };
}

class Fault implements StreamFilter {
  readonly #config: Config;
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  readonly #stats: FaultStats;
  #active = false;
  #timer: Timer | null = null;
  #throttle: Throttle | null = null;

  constructor(config: Config, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#config = config;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
    this.#stats = config.statsOf(scope);
  }

  readonly request = {
    head: (): HeadOutcome => {
      this.#slowDown();
      const delay = this.#injected(this.#config.delay);
      if (delay === null) return this.#abort();
      this.#stats.delays_injected += 1;
      this.#exchange.flags |= flag.delayInjected;
      this.#timer = this.#scope.wheel.set(delay, () => this.#stream.run(() => this.#goOn()));
      return 'hold';
    },
  };

  get response(): FilterStage<ResponseHead> | undefined {
    return this.#config.rateLimit === null ? undefined : this.#limited;
  }

  done(): void {
    this.#scope.wheel.cancel(this.#timer);
    this.#throttle?.stop();
    if (this.#active) this.#stats.active_faults -= 1;
  }

  readonly #limited: FilterStage<ResponseHead> = {
    data: (chunk) => {
      if (this.#throttle === null) this.#stream.response.write(chunk);
      else this.#throttle.data(chunk);
    },
    end: (trailers) => {
      if (this.#throttle === null) this.#stream.response.finish(trailers);
      else this.#throttle.end(trailers);
    },
  };

  #goOn(): void {
    const reply = this.#abort();
    if (reply === undefined) this.#stream.request.proceed();
    else this.#stream.answer(reply);
  }

  #slowDown(): void {
    const rate = this.#injected(this.#config.rateLimit);
    if (rate === null) return;
    this.#stats.response_rl_injected += 1;
    const scope = this.#scope;
    const now = scope.clock.now();
    const bucket = byteBucket(rate, now);
    // A response begins slowly too: with what one look allows.
    bucket.takeUpTo(now, Math.ceil(rate - (rate * FILL_INTERVAL) / 1_000));
    const stream = this.#stream;
    this.#throttle = new Throttle(bucket, FILL_INTERVAL, { scope, stream, outlet: stream.response, watch: null });
  }

  #abort(): LocalReply | undefined {
    const abort = this.#injected(this.#config.abort);
    if (abort === null) return undefined;
    this.#stats.aborts_injected += 1;
    this.#exchange.flags |= flag.faultInjected;
    return {
      status: abort.status,
      body: this.#config.abortBody,
      details: 'fault_filter_abort',
      flags: flag.faultInjected,
      headers: null,
      ...(abort.grpcStatus === null ? {} : { grpcStatus: abort.grpcStatus }),
    };
  }

  /** By chance, and while not too many requests suffer already. */
  #injected<Value>(injection: Injection<Value> | null): Value | null {
    if (injection === null) return null;
    const { headers } = this.#exchange.request;
    const { random, runtime } = this.#scope;
    const value = injection.value(headers, runtime);
    if (value === null || random() >= injection.share(headers, runtime)) return null;
    if (!this.#active && this.#stats.active_faults >= this.#config.maxActive(runtime)) {
      this.#stats.faults_overflow += 1;
      return null;
    }
    if (!this.#active) this.#stats.active_faults += 1;
    this.#active = true;
    return value;
  }
}
