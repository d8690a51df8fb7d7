// The filter envoy.filters.http.bandwidth_limit: bodies of all requests together, or of all responses, pass no faster than a rate.
import { Histogram } from '../../lib/histogram.ts';
import type { TokenBucket } from '../../lib/token-bucket.ts';
import {
  type BandwidthLimit,
  BandwidthLimit_EnableMode,
  BandwidthLimitSchema,
} from '../../xds/gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { keyedFlag } from '../config/runtime-keys.ts';
import { millis } from '../config/values.ts';
import { HeaderMap } from '../http/headers.ts';
import { compiler, type FilterKind, perScope } from './define.ts';
import type { FilterScope, FilterStream, HttpFilter, StreamFilter } from './filter.ts';
import { byteBucket, FILL_INTERVAL, Throttle } from './throttle.ts';

/** Of a route it needs a limit, and takes the place of the chain's. */
export const bandwidthLimit: FilterKind = {
  chain: compiler(BandwidthLimitSchema, createBandwidthLimit),
  route: compiler(BandwidthLimitSchema, (message, name, path) => {
    if (message.limitKbps === undefined) throw new ConfigError(at(path, 'limit_kbps'), 'is required');
    return createBandwidthLimit(message, name, path);
  }),
};

class BandwidthStats {
  request_enabled = 0;
  response_enabled = 0;
  request_enforced = 0;
  response_enforced = 0;
  request_pending = 0;
  response_pending = 0;
  request_incoming_size = 0;
  response_incoming_size = 0;
  request_allowed_size = 0;
  response_allowed_size = 0;
  request_incoming_total_size = 0;
  response_incoming_total_size = 0;
  request_allowed_total_size = 0;
  response_allowed_total_size = 0;
  readonly request_transfer_duration = new Histogram();
  readonly response_transfer_duration = new Histogram();
}

type Config = {
  readonly interval: number;
  readonly limits: Readonly<Record<Side, boolean>>;
  /** Names of the trailers that say how long a body took; null: nobody is told. */
  readonly trailers: Readonly<Record<Side, DelayTrailers>> | null;
  bucketOf(scope: FilterScope): TokenBucket;
  statsOf(scope: FilterScope): BandwidthStats;
};

type Side = 'request' | 'response';
type DelayTrailers = { readonly whole: string; readonly waited: string };

function createBandwidthLimit(message: BandwidthLimit, name: string, path: string): HttpFilter {
  const config = compileConfig(message, path);
  const enabled = keyedFlag(message.runtimeEnabled, true);
  if (!config.limits.request && !config.limits.response) return { name };
  return {
    name,
    open: (_exchange, scope, stream) => (enabled(scope.runtime) ? limited(config, scope, stream) : null),
  };
}

function limited(config: Config, scope: FilterScope, stream: FilterStream): StreamFilter {
  const request = config.limits.request ? new LimitedBody('request', config, scope, stream) : null;
  const tell = (response: LimitedBody, trailers: HeaderMap | null) =>
    config.trailers === null ? trailers : withDelays(trailers ?? new HeaderMap(), config.trailers, request, response);
  const response = config.limits.response ? new LimitedBody('response', config, scope, stream, tell) : null;
  return {
    ...(request === null ? {} : { request }),
    ...(response === null ? {} : { response }),
    done() {
      request?.stop();
      response?.stop();
    },
  };
}

type Tell = (body: LimitedBody, trailers: HeaderMap | null) => HeaderMap | null;

/** One direction of one exchange. */
class LimitedBody {
  /** Milliseconds from its first byte to its end. */
  duration = 0;
  /** Milliseconds of waiting for tokens. */
  waited = 0;
  readonly #names: Names;
  readonly #stats: BandwidthStats;
  readonly #scope: FilterScope;
  readonly #throttle: Throttle;
  #startedAt: number | null = null;

  constructor(side: Side, config: Config, scope: FilterScope, stream: FilterStream, tell: Tell | null = null) {
    const names = NAMES[side];
    const stats = config.statsOf(scope);
    this.#names = names;
    this.#stats = stats;
    this.#scope = scope;
    const passed = (bytes: number, waiting: boolean) => {
      stats[names.allowedSize] = bytes;
      stats[names.allowedTotalSize] += bytes;
      if (!waiting) return;
      stats[names.enforced] += 1;
      this.waited += config.interval;
    };
    const ending = (trailers: HeaderMap | null) => {
      this.#finish();
      return tell === null ? trailers : tell(this, trailers);
    };
    const place = { scope, stream, outlet: stream[side], watch: { passed, ending } };
    this.#throttle = new Throttle(config.bucketOf(scope), config.interval, place);
  }

  head(): undefined {
    this.#stats[this.#names.enabled] += 1;
  }

  data(chunk: Buffer): void {
    this.#start();
    this.#stats[this.#names.incomingSize] = chunk.length;
    this.#stats[this.#names.incomingTotalSize] += chunk.length;
    this.#throttle.data(chunk);
  }

  end(trailers: HeaderMap | null): void {
    if (trailers === null) this.#start();
    this.#throttle.end(trailers);
  }

  stop(): void {
    this.#throttle.stop();
    if (this.#startedAt !== null) this.#stats[this.#names.pending] -= 1;
    this.#startedAt = null;
  }

  #start(): void {
    if (this.#startedAt !== null) return;
    this.#startedAt = this.#scope.clock.now();
    this.#stats[this.#names.pending] += 1;
  }

  #finish(): void {
    if (this.#startedAt === null) return;
    this.duration = Math.floor(this.#scope.clock.now() - this.#startedAt);
    this.#stats[this.#names.transferDuration].record(this.duration);
    this.#stats[this.#names.pending] -= 1;
    this.#startedAt = null;
  }
}

function withDelays(
  trailers: HeaderMap,
  names: Readonly<Record<Side, DelayTrailers>>,
  request: LimitedBody | null,
  response: LimitedBody,
): HeaderMap {
  const add = (name: string, millis: number) => {
    if (millis > 0) trailers.set(name, String(millis));
  };
  add(names.request.whole, request?.duration ?? 0);
  add(names.request.waited, request?.waited ?? 0);
  add(names.response.whole, response.duration);
  add(names.response.waited, response.waited);
  return trailers;
}

function compileConfig(message: BandwidthLimit, path: string): Config {
  if (message.statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  if (message.limitKbps === 0n) throw new ConfigError(at(path, 'limit_kbps'), 'must be more than 0');
  const interval = millis(message.fillInterval, FILL_INTERVAL, at(path, 'fill_interval'));
  if (interval < 20 || interval > 1_000) throw new ConfigError(at(path, 'fill_interval'), 'must be 20ms to 1s');
  const rate = Number(message.limitKbps ?? 0n) * 1_024;
  const prefix = message.responseTrailerPrefix === '' ? '' : `${message.responseTrailerPrefix.toLowerCase()}-`;
  const trailersOf = (side: Side): DelayTrailers => ({
    whole: `${prefix}bandwidth-${side}-delay-ms`,
    waited: `${prefix}bandwidth-${side}-filter-delay-ms`,
  });
  let bucket: TokenBucket | null = null;
  return {
    interval,
    limits: limitedSides(message.enableMode, at(path, 'enable_mode')),
    trailers: message.enableResponseTrailers
      ? { request: trailersOf('request'), response: trailersOf('response') }
      : null,
    bucketOf(scope) {
      bucket ??= makeBucket(`bandwidth ${scope.prefix} ${path} ${message.statPrefix} ${rate}`, rate, scope);
      return bucket;
    },
    statsOf: perScope((scope) => scope.stats(`${message.statPrefix}.http_bandwidth_limit`, () => new BandwidthStats())),
  };
}

/** One for all threads; their shares of it where there are too many names. */
function makeBucket(name: string, rate: number, { clock, workers, tally }: FilterScope): TokenBucket {
  const shared = tally(name);
  return byteBucket(rate, clock.now(), shared === null ? workers : 1, shared);
}

function limitedSides(mode: BandwidthLimit_EnableMode, path: string): Readonly<Record<Side, boolean>> {
  const { DISABLED, REQUEST, RESPONSE, REQUEST_AND_RESPONSE } = BandwidthLimit_EnableMode;
  switch (mode) {
    case DISABLED:
      return { request: false, response: false };
    case REQUEST:
      return { request: true, response: false };
    case RESPONSE:
      return { request: false, response: true };
    case REQUEST_AND_RESPONSE:
      return { request: true, response: true };
    default:
      throw new ConfigError(path, 'is not known');
  }
}

function namesOf<S extends Side>(side: S) {
  return {
    enabled: `${side}_enabled`,
    enforced: `${side}_enforced`,
    pending: `${side}_pending`,
    incomingSize: `${side}_incoming_size`,
    incomingTotalSize: `${side}_incoming_total_size`,
    allowedSize: `${side}_allowed_size`,
    allowedTotalSize: `${side}_allowed_total_size`,
    transferDuration: `${side}_transfer_duration`,
  } as const;
}

const NAMES = { request: namesOf('request'), response: namesOf('response') };
type Names = (typeof NAMES)[Side];
