// The filter envoy.filters.http.admission_control: the fewer requests succeed, the more are refused before they add to the trouble.
import {
  type AdmissionControl,
  type AdmissionControl_SuccessCriteria,
  AdmissionControlSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { type Keyed, keyed, keyedFlag, type RuntimeLookup } from '../../config/runtime-keys.ts';
import { percentOf } from '../../config/slow-start.ts';
import { millis } from '../../config/values.ts';
import type { Exchange } from '../../http/exchange.ts';
import { isGrpc } from '../../http/grpc-status.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { ResponseHead } from '../../http/message.ts';
import { compiler, type FilterKind, perScope } from '../define.ts';
import type { FilterScope, FilterStream, HttpFilter, LocalReply, StreamFilter } from '../filter.ts';
import { RequestHistory } from './request-history.ts';

export const admissionControl: FilterKind = {
  chain: compiler(AdmissionControlSchema, createAdmissionControl),
  route: null,
};

class AdmissionStats {
  rq_rejected = 0;
  rq_success = 0;
  rq_failure = 0;
}

/** What a request is decided by. */
type Admission = {
  readonly stats: AdmissionStats;
  readonly history: RequestHistory;
};

type Criteria = {
  http(status: number): boolean;
  grpc(status: string): boolean;
};

type Config = {
  readonly enabled: Keyed<boolean>;
  readonly criteria: Criteria;
  /** In [0, 1]. */
  probability(requests: number, successes: number, runtime: RuntimeLookup): number;
  /** Requests per second below which nothing is refused. */
  readonly leastRate: Keyed<number>;
  admissionOf(scope: FilterScope): Admission;
};

const WINDOW = 30_000;
/** A success counts as `1 / threshold` requests. */
const THRESHOLD = 95;
const MOST_REFUSED = 80;

const denied: LocalReply = { status: 503, body: '', details: 'denied_by_admission_control', flags: 0, headers: null };

function createAdmissionControl(message: AdmissionControl, name: string, path: string): HttpFilter {
  const config = compileConfig(message, path);
  return { name, open: (exchange, scope, stream) => new Admitted(config, exchange, scope, stream) };
}

class Admitted implements StreamFilter {
  readonly #config: Config;
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  readonly #admission: Admission;
  /** Its answer says something of what is behind. */
  #counts = true;
  #statusFollows = false;

  constructor(config: Config, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#config = config;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
    this.#admission = config.admissionOf(scope);
  }

  readonly request = {
    head: (): LocalReply | undefined => {
      if (!this.#config.enabled(this.#scope.runtime) || this.#exchange.healthCheck) {
        this.#counts = false;
        return undefined;
      }
      if (!this.#isRefused()) return undefined;
      this.#counts = false;
      this.#admission.stats.rq_rejected += 1;
      return denied;
    },
  };

  readonly response = {
    head: ({ status, headers }: ResponseHead, last: boolean): undefined => {
      if (!this.#counts) return;
      const given = headers.get('grpc-status');
      const grpc = last ? given !== undefined : status === 200 && isGrpc(headers);
      if (!grpc) this.#record(this.#config.criteria.http(status));
      else if (given !== undefined) this.#record(this.#config.criteria.grpc(given));
      else this.#statusFollows = true;
    },
    end: (trailers: HeaderMap | null): void => {
      if (this.#statusFollows && trailers !== null) {
        this.#record(this.#config.criteria.grpc(trailers.get('grpc-status') ?? ''));
      }
      this.#stream.response.finish(trailers);
    },
  };

  #isRefused(): boolean {
    const { runtime, clock, random } = this.#scope;
    const { history } = this.#admission;
    const now = clock.now();
    if (history.averageRate(now) < this.#config.leastRate(runtime)) return false;
    const { requests, successes } = history.counts(now);
    // Four digits, as in Envoy: what is a little short of 1 is certain.
    return this.#config.probability(requests, successes, runtime) * 10_000 > Math.floor(random() * 10_000);
  }

  #record(success: boolean): void {
    const { stats, history } = this.#admission;
    stats[success ? 'rq_success' : 'rq_failure'] += 1;
    history.record(success, this.#scope.clock.now());
  }
}

function compileConfig(message: AdmissionControl, path: string): Config {
  if (message.evaluationCriteria.case === undefined) throw new ConfigError(at(path, 'success_criteria'), 'is required');
  const window = Math.floor(millis(message.samplingWindow, WINDOW, at(path, 'sampling_window')) / 1_000) * 1_000;
  return {
    enabled: keyedFlag(message.enabled, true),
    criteria: compileCriteria(message.evaluationCriteria.value, at(path, 'success_criteria')),
    probability: compileProbability(message, path),
    leastRate: keyed('integer', message.rpsThreshold?.runtimeKey, message.rpsThreshold?.defaultValue ?? 0),
    admissionOf: perScope((scope) => ({
      stats: scope.stats(`${scope.prefix}admission_control`, () => new AdmissionStats()),
      history: new RequestHistory(window),
    })),
  };
}

function compileProbability(message: AdmissionControl, path: string): Config['probability'] {
  const { aggression: curve, srThreshold, maxRejectionProbability: limit } = message;
  const here = at(path, 'sr_threshold.default_value');
  const threshold = percentOf(srThreshold && (srThreshold.defaultValue ?? { value: 0 }), THRESHOLD, here);
  if (threshold < 1) throw new ConfigError(here, 'must be at least 1');
  const most = percentOf(
    limit && (limit.defaultValue ?? { value: 0 }),
    MOST_REFUSED,
    at(path, 'max_rejection_probability'),
  );
  const thresholdOf = keyed('number', srThreshold?.runtimeKey, threshold);
  const mostOf = keyed('number', limit?.runtimeKey, most);
  const aggressionOf = keyed('number', curve?.runtimeKey, curve?.defaultValue ?? 1);
  return (requests, successes, runtime) => {
    const missing = requests - successes / (Math.min(100, thresholdOf(runtime)) / 100);
    if (missing <= 0) return 0;
    const linear = missing / (requests + 1);
    return Math.min(linear ** (1 / Math.max(1, aggressionOf(runtime))), mostOf(runtime) / 100);
  };
}

/** OK, Canceled, Unknown, InvalidArgument, NotFound, AlreadyExists, PermissionDenied, FailedPrecondition, OutOfRange, Unimplemented, Unauthenticated. */
const GRPC_SUCCESSES = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16];

function compileCriteria(message: AdmissionControl_SuccessCriteria, path: string): Criteria {
  return {
    http: compileHttpCriteria(message.httpCriteria, at(path, 'http_criteria.http_success_status')),
    grpc: compileGrpcCriteria(message.grpcCriteria, at(path, 'grpc_criteria.grpc_success_status')),
  };
}

function compileHttpCriteria(
  message: AdmissionControl_SuccessCriteria['httpCriteria'],
  path: string,
): Criteria['http'] {
  if (message === undefined) return (status) => status < 500;
  if (message.httpSuccessStatus.length === 0) throw new ConfigError(path, 'is empty');
  const ranges = mapAt(message.httpSuccessStatus, path, ({ start, end }, where) => {
    if (start < 100 || start > end || end > 600)
      throw new ConfigError(where, `[${start}, ${end}) is no range of statuses`);
    return { start, end };
  });
  return (status) => ranges.some(({ start, end }) => status >= start && status < end);
}

function compileGrpcCriteria(
  message: AdmissionControl_SuccessCriteria['grpcCriteria'],
  path: string,
): Criteria['grpc'] {
  const listed = message?.grpcSuccessStatus ?? GRPC_SUCCESSES;
  if (listed.length === 0) throw new ConfigError(path, 'is empty');
  const statuses = mapAt(listed, path, (status, where) => {
    if (status > 16) throw new ConfigError(where, `${status} is no status of gRPC`);
    return String(status);
  });
  return (status) => statuses.includes(status);
}
