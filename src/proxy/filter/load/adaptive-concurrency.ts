// The filter envoy.filters.http.adaptive_concurrency: no more requests at a time than what is behind answers without delay.
import {
  type AdaptiveConcurrency,
  AdaptiveConcurrencySchema,
} from '../../../xds/gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { keyedFlag } from '../../config/runtime-keys.ts';
import type { HeaderMap } from '../../http/headers.ts';
import { compiler, type FilterKind, perScope } from '../define.ts';
import type { FilterScope, FilterStream, HttpFilter, LocalReply, StreamFilter } from '../filter.ts';
import { Gradient, GradientStats } from './gradient.ts';
import { compileGradient } from './gradient-config.ts';

export const adaptiveConcurrency: FilterKind = {
  chain: compiler(AdaptiveConcurrencySchema, createAdaptiveConcurrency),
  route: null,
};

function createAdaptiveConcurrency(message: AdaptiveConcurrency, name: string, path: string): HttpFilter {
  const { concurrencyControllerConfig: kind } = message;
  if (kind.case === undefined) throw new ConfigError(at(path, 'gradient_controller_config'), 'is required');
  const config = compileGradient(kind.value, at(path, 'gradient_controller_config'));
  const code = message.concurrencyLimitExceededStatus?.code ?? 503;
  const refusal: LocalReply = {
    // As in Envoy: a status that is no error stands for the usual one.
    status: code < 400 ? 503 : code,
    body: 'reached concurrency limit',
    details: 'reached_concurrency_limit',
    flags: 0,
    headers: null,
  };
  const enabled = keyedFlag(message.enabled, true);
  const gradientOf = perScope((scope) => {
    const stats = scope.stats(`${scope.prefix}adaptive_concurrency.gradient_controller`, () => new GradientStats());
    return new Gradient(config, stats, scope);
  });
  return {
    name,
    start(scope) {
      const gradient = gradientOf(scope);
      gradient.start();
      return { ready: Promise.resolve(), stop: () => gradient.stop() };
    },
    open(exchange, scope, stream) {
      if (!enabled(scope.runtime) || exchange.healthCheck) return null;
      return new Measured(gradientOf(scope), refusal, scope, stream);
    },
  };
}

class Measured implements StreamFilter {
  readonly #gradient: Gradient;
  readonly #refusal: LocalReply;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  /** Monotonic milliseconds; null when it is not under way. */
  #started: number | null = null;

  constructor(gradient: Gradient, refusal: LocalReply, scope: FilterScope, stream: FilterStream) {
    this.#gradient = gradient;
    this.#refusal = refusal;
    this.#scope = scope;
    this.#stream = stream;
  }

  readonly request = {
    head: (): LocalReply | undefined => {
      if (!this.#gradient.admit()) return this.#refusal;
      this.#started = this.#scope.clock.now();
      return undefined;
    },
  };

  readonly response = {
    head: (_head: unknown, last: boolean): undefined => {
      if (last) this.#finish();
    },
    end: (trailers: HeaderMap | null): void => {
      this.#finish();
      this.#stream.response.finish(trailers);
    },
  };

  /** Of an answer that was broken off nothing is learnt. */
  done(): void {
    if (this.#started !== null) this.#gradient.abandon();
  }

  #finish(): void {
    if (this.#started === null) return;
    this.#gradient.finish(this.#started);
    this.#started = null;
  }
}
