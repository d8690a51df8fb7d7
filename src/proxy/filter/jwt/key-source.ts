// Where a provider's keys come from: a text of the configuration, or a URL that is asked when they are needed and again when they have become old.

import type { Timer } from '../../../lib/timer-wheel.ts';
import type {
  JwksAsyncFetch,
  RemoteJwks,
} from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import type { CallRetry } from '../../client/repeated.ts';
import { compileCallRetry } from '../../config/call-retry.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { decodeHttpUri, type HttpUriConfig } from '../../config/http-uri.ts';
import { millis } from '../../config/values.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { FilterScope, Started } from '../filter.ts';
import { KeySet } from './keys.ts';
import { status } from './status.ts';

export type KeySource = {
  /** null: they must be fetched first. */
  known(scope: FilterScope): KeySet | null;
  /** The keys, or why there are none. */
  fetch(scope: FilterScope): Promise<KeySet | string>;
  /** Fetches them before they are needed, from now on. */
  follow?(scope: FilterScope): Started;
};

export type FetchStats = { jwks_fetch_success: number; jwks_fetch_failed: number };

/** Envoy's, of key sets. */
const RETRIED = '5xx,gateway-error,connect-failure,reset';
const CACHE_DURATION = 600_000;
/** Of `async_fetch`: keys are fetched so long before they are too old; and again so soon where that failed. */
const FETCHED_BEFORE = 5_000;
const FAILED_REFETCH = 1_000;
const LARGEST_KEY_SET = 1024 * 1024;

export function compileLocalKeys(text: string, path: string): KeySource {
  const keys = KeySet.parse(text);
  if (keys === null) throw new ConfigError(path, 'is no JSON Web Key Set');
  return { known: () => keys, fetch: async () => keys };
}

export function compileRemoteKeys(
  remote: RemoteJwks,
  path: string,
  statsOf: (scope: FilterScope) => FetchStats,
): KeySource {
  const uri = decodeHttpUri(remote.httpUri, at(path, 'http_uri'));
  const lifetime = millis(remote.cacheDuration, CACHE_DURATION, at(path, 'cache_duration'));
  const retry = compileCallRetry(remote.retryPolicy, RETRIED, at(path, 'retry_policy'));
  const ahead = remote.asyncFetch === undefined ? null : decodeAhead(remote.asyncFetch, at(path, 'async_fetch'));
  return ahead === null
    ? new RemoteKeys({ uri, lifetime, retry }, statsOf)
    : new FollowedKeys({ uri, lifetime, retry }, ahead, statsOf);
}

/** Of keys that are fetched without being asked for. */
type Ahead = { readonly fastListener: boolean; readonly failedRefetch: number };

function decodeAhead({ fastListener, failedRefetchDuration }: JwksAsyncFetch, path: string): Ahead {
  const failedRefetch = millis(failedRefetchDuration, FAILED_REFETCH, at(path, 'failed_refetch_duration'));
  return { fastListener, failedRefetch };
}

type Remote = {
  readonly uri: HttpUriConfig;
  readonly lifetime: number;
  readonly retry: CallRetry | null;
};

class RemoteKeys implements KeySource {
  readonly #remote: Remote;
  readonly #statsOf: (scope: FilterScope) => FetchStats;
  #keys: KeySet | null = null;
  #until = 0;
  #fetching: Promise<KeySet | string> | null = null;

  constructor(remote: Remote, statsOf: (scope: FilterScope) => FetchStats) {
    this.#remote = remote;
    this.#statsOf = statsOf;
  }

  /** However old. */
  get last(): KeySet | null {
    return this.#keys;
  }

  known(scope: FilterScope): KeySet | null {
    return scope.clock.now() < this.#until ? this.#keys : null;
  }

  /** However many ask at a time, one request is made. */
  fetch(scope: FilterScope): Promise<KeySet | string> {
    this.#fetching ??= this.#ask(scope).finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  #ask(scope: FilterScope): Promise<KeySet | string> {
    const { uri, lifetime, retry } = this.#remote;
    const { scheme, authority, path } = uri;
    const headers = new HeaderMap(['user-agent', 'Go-browser', 'x-forwarded-for', scope.localAddress]);
    const head = { method: 'GET', scheme, authority, path, protocol: 'HTTP/1.1' as const, upgrade: '', headers };
    const call = { cluster: uri.cluster, head, body: null, timeout: uri.timeout, maxBytes: LARGEST_KEY_SET, retry };
    return new Promise((resolve) => {
      scope.client.http(call, (outcome) => {
        const keys =
          outcome.kind === 'answer' && outcome.answer.status === 200
            ? KeySet.parse(outcome.answer.body.toString('utf8'))
            : null;
        this.#statsOf(scope)[keys === null ? 'jwks_fetch_failed' : 'jwks_fetch_success'] += 1;
        if (keys !== null) {
          this.#keys = keys;
          this.#until = scope.clock.now() + lifetime;
        }
        resolve(keys ?? status.fetchFailed);
      });
    });
  }
}

/** Keys that are fetched before they are needed. Old ones are good for as long as there are no newer ones. */
class FollowedKeys implements KeySource {
  readonly #lifetime: number;
  readonly #ahead: Ahead;
  readonly #keys: RemoteKeys;

  constructor(remote: Remote, ahead: Ahead, statsOf: (scope: FilterScope) => FetchStats) {
    this.#lifetime = remote.lifetime;
    this.#ahead = ahead;
    this.#keys = new RemoteKeys(remote, statsOf);
  }

  known(): KeySet | null {
    return this.#keys.last;
  }

  fetch(scope: FilterScope): Promise<KeySet | string> {
    return this.#keys.fetch(scope);
  }

  follow(scope: FilterScope): Started {
    let timer: Timer | null = null;
    let stopped = false;
    const refresh = async (): Promise<void> => {
      const fetched = await this.#keys.fetch(scope);
      if (!stopped) timer = scope.wheel.set(this.#delay(typeof fetched === 'string'), () => void refresh());
    };
    const first = refresh();
    return {
      ready: this.#ahead.fastListener ? Promise.resolve() : first,
      stop: () => {
        stopped = true;
        scope.wheel.cancel(timer);
      },
    };
  }

  #delay(failed: boolean): number {
    if (failed) return this.#ahead.failedRefetch;
    return this.#lifetime > FETCHED_BEFORE ? this.#lifetime - FETCHED_BEFORE : this.#lifetime;
  }
}
