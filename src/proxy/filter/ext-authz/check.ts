// One request's question: its head waits for the verdict, with as much of its body as the server is to see.
import { unreachable } from '../../../lib/unreachable.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { ResponseHead } from '../../http/message.ts';
import { leaveFields } from '../../http/state-object.ts';
import { chargeCluster } from '../cluster-stats.ts';
import type { FilterScope, FilterStream, HeadOutcome, StreamFilter } from '../filter.ts';
import { HeldBody, requestTooLarge } from '../held-body.ts';
import { leaveDecision } from './decision.ts';
import type { CheckConfig, RouteCheck } from './filter.ts';
import type { CheckedBody } from './service.ts';
import {
  applyToRequest,
  change,
  denial,
  failure,
  fits,
  type HeaderChange,
  invalid,
  isValid,
  type Passed,
  type Verdict,
  within,
} from './verdict.ts';

/** `partial`: the server sees the first `limit` bytes; otherwise a longer body is refused. */
export type BodySettings = { readonly limit: number; readonly partial: boolean };

const VIA_UPSTREAM = 'via_upstream';
/** Envoy's limit for responses of upstreams. */
const MOST_RESPONSE_HEADERS = 100;
const METADATA = 'envoy.filters.http.ext_authz';

export class Check implements StreamFilter {
  readonly #config: CheckConfig;
  readonly #route: RouteCheck;
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  readonly #bodySettings: BodySettings | null;
  readonly #body: HeldBody;
  #state: 'collecting' | 'asking' | 'decided' = 'collecting';
  /** Set when the request's end has come while it is held. */
  #ended: { readonly trailers: HeaderMap | null } | null = null;
  /** While `head` has not returned, its outcome is what it returns. */
  #inHead = false;
  #outcome: HeadOutcome;
  #cancel: (() => void) | null = null;
  #toClient: readonly HeaderChange[] = [];
  /** Monotonic milliseconds. */
  #asked = 0;

  constructor(config: CheckConfig, route: RouteCheck, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#config = config;
    this.#route = route;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
    this.#bodySettings = route.body === undefined ? config.body : route.body;
    this.#body = new HeldBody(this.#bodySettings?.limit ?? 0);
  }

  readonly request = {
    head: (_head: unknown, last: boolean): HeadOutcome => {
      if (this.#bodySettings !== null && !last) return 'collect';
      this.#inHead = true;
      this.#outcome = 'hold';
      this.#ask(null);
      this.#inHead = false;
      return this.#outcome;
    },
    data: (chunk: Buffer): void => {
      if (this.#state === 'decided') this.#stream.request.write(chunk);
      else this.#keep(chunk);
    },
    end: (trailers: HeaderMap | null): void => {
      if (this.#state === 'decided') {
        this.#stream.request.finish(trailers);
        return;
      }
      this.#ended = { trailers };
      if (this.#state === 'collecting') this.#ask({ bytes: this.#body.whole(), partial: false });
    },
  };

  readonly response = {
    head: ({ headers }: ResponseHead): HeadOutcome => {
      const limited = this.#config.limitsResponse && this.#exchange.details === VIA_UPSTREAM;
      const most = limited ? MOST_RESPONSE_HEADERS : Number.POSITIVE_INFINITY;
      if (change(headers, this.#toClient, most)) return undefined;
      this.#config.statsOf(this.#scope).response_header_limits_reached += 1;
      return invalid;
    },
  };

  done(): void {
    this.#cancel?.();
  }

  #keep(chunk: Buffer): void {
    const fits = this.#body.push(chunk);
    if (this.#state === 'asking' || this.#bodySettings === null) return;
    const { limit, partial } = this.#bodySettings;
    if (partial && this.#body.size >= limit) this.#ask({ bytes: this.#body.whole().subarray(0, limit), partial: true });
    else if (!fits) this.#stream.answer(requestTooLarge);
  }

  #ask(body: CheckedBody | null): void {
    this.#state = 'asking';
    this.#stream.request.pause();
    const service = this.#route.service?.(this.#config) ?? this.#config.service;
    const done = (verdict: Verdict) => {
      this.#cancel = null;
      if (this.#inHead) this.#decide(verdict);
      else this.#stream.run(() => this.#decide(verdict));
    };
    this.#asked = this.#scope.clock.now();
    const cancel = service.check(this.#exchange, body, this.#route.extensions, this.#scope, done);
    if (this.#state === 'asking') this.#cancel = cancel;
  }

  #decide(said: Verdict): void {
    this.#state = 'decided';
    if (this.#config.latencyKey !== null) this.#leaveLatency(this.#config.latencyKey);
    const verdict = this.#checked(said);
    if (verdict === null) {
      this.#count('invalid');
      this.#answer(invalid);
      return;
    }
    if (verdict.kind !== 'ok') this.#count(verdict.kind);
    const { shadow, statusOnError } = this.#config;
    if (shadow !== null) leaveDecision(this.#exchange, shadow, verdict, statusOnError);
    switch (verdict.kind) {
      case 'ok':
        this.#note(verdict.metadata);
        this.#pass(verdict);
        return;
      case 'denied':
        this.#note(verdict.metadata);
        if (this.#config.chargesCluster) chargeCluster(this.#exchange, this.#scope, verdict.status);
        if (this.#config.shadow !== null) {
          this.#config.statsOf(this.#scope).shadow_denied += 1;
          this.#goOn();
          return;
        }
        this.#answer(denial({ ...verdict, body: verdict.body.subarray(0, this.#config.longestBody) }));
        return;
      case 'error':
        this.#failed();
        return;
      default:
        unreachable(verdict);
    }
  }

  #leaveLatency(key: string): void {
    const micros = Math.round((this.#scope.clock.now() - this.#asked) * 1_000);
    leaveFields(this.#exchange, key, new Map([['latency_us', String(micros)]]));
  }

  #count(what: 'ok' | 'denied' | 'error' | 'failure_mode_allowed' | 'invalid'): void {
    this.#config.statsOf(this.#scope)[what] += 1;
    const ofCluster = this.#config.clusterStatsOf(this.#exchange, this.#scope);
    if (ofCluster !== null) ofCluster[what] += 1;
  }

  /** null: it says what it may not. */
  #checked(verdict: Verdict): Verdict | null {
    const { validates, rules } = this.#config;
    if (verdict.kind !== 'error' && validates && !isValid(verdict)) return null;
    return verdict.kind === 'ok' && rules !== null ? within(rules, verdict) : verdict;
  }

  #pass(verdict: Passed): void {
    const { clearRoute } = this.#config;
    applyToRequest(this.#exchange, verdict);
    if (!fits(this.#exchange.request, this.#scope.requestLimits)) {
      this.#config.statsOf(this.#scope).request_header_limits_reached += 1;
      this.#count('invalid');
      this.#answer(invalid);
      return;
    }
    this.#count('ok');
    this.#toClient = verdict.response;
    if (clearRoute && verdict.request.length + verdict.remove.length + verdict.query.set.length > 0)
      this.#exchange.routeStale = true;
    this.#goOn();
  }

  #failed(): void {
    const { failureAllowed, failureHeader, statusOnError, shadow } = this.#config;
    if (shadow !== null) {
      this.#config.statsOf(this.#scope).shadow_error += 1;
      this.#goOn();
      return;
    }
    if (!failureAllowed) {
      this.#answer(failure(statusOnError));
      return;
    }
    this.#count('failure_mode_allowed');
    if (failureHeader) this.#exchange.request.headers.set('x-envoy-auth-failure-mode-allowed', 'true');
    this.#goOn();
  }

  #goOn(): void {
    const { request } = this.#stream;
    request.resume();
    if (this.#inHead) {
      this.#outcome = undefined;
      return;
    }
    request.proceed();
    this.#body.moveTo((chunk) => request.write(chunk));
    if (this.#ended !== null) request.finish(this.#ended.trailers);
  }

  #answer(reply: ReturnType<typeof failure>): void {
    if (this.#inHead) this.#outcome = reply;
    else this.#stream.answer(reply);
  }

  #note(metadata: object | null): void {
    if (metadata === null) return;
    if (!this.#config.takesMetadata) {
      this.#config.statsOf(this.#scope).ignored_dynamic_metadata += 1;
      return;
    }
    this.#exchange.metadata ??= new Map();
    this.#exchange.metadata.set(METADATA, metadata);
  }
}
