// What a RouteConfiguration compiles to: asked once per request, parses nothing.
import type { Hash64 } from '../../lib/hash.ts';
import type { HttpFilter } from '../filter/filter.ts';
import type { RouteLimits } from '../filter/rate-limit/route-limits.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';

export type RouteTable = {
  readonly name: string;
  /** `random` is uniform in [0, 1): used for runtime fractions. null: no virtual host or no route (404, flag NR). */
  match(request: RequestHead, exchange: Exchange | null, random: () => number): RouteEntry | null;
};

export type RouteEntry = {
  readonly name: string;
  readonly virtualHost: string;
  readonly action: RouteAction;
  /** Header operations of route, virtual host and route configuration in Envoy's order; rewrites are applied by the router. */
  editRequest(exchange: Exchange): void;
  editResponse(exchange: Exchange, head: ResponseHead): void;
  /** Per-route configuration of filters, already compiled, by filter name: replaces the chain's filter; null disables it. */
  readonly filters: ReadonlyMap<string, HttpFilter | null>;
  readonly rateLimits: RouteLimits;
  /** Names the span of its requests; '' names it by its direction. */
  readonly decorator: string;
  /** `filter_metadata` of the route, as plain JSON values: holds `tulle.origin`. */
  readonly metadata: Readonly<Record<string, unknown>>;
};

export type RouteAction =
  | ForwardAction
  | { readonly kind: 'redirect'; readonly status: number; location(request: RequestHead): string }
  | { readonly kind: 'respond'; readonly status: number; readonly body: string };

export type ForwardAction = {
  readonly kind: 'forward';
  /** Chooses among weighted clusters. */
  pickCluster(request: RequestHead, random: number): ClusterChoice;
  /** Sets `request.path` and `.authority` as the route rewrites them. */
  rewrite(request: RequestHead): void;
  /** Milliseconds; 0 is none. Envoy's default is 15,000. */
  readonly timeout: number;
  /** Milliseconds without bytes in either direction; null is the connection manager's, 0 is none. */
  readonly idleTimeout: number | null;
  readonly retry: RetryPolicy | null;
  readonly mirrors: readonly { readonly cluster: string; readonly share: number }[];
  /** null when no hash policy applies: the balancer chooses at random. */
  hash(request: RequestHead, exchange: Exchange): Hash64 | null;
  /** By lower-case protocol, `connect` for CONNECT: what this route says of switching to it; the connection manager decides the rest. */
  readonly upgrades: ReadonlyMap<string, boolean>;
  /** CONNECT ends here: its bytes go to the endpoint as they are (`connect_config`). */
  readonly endsConnect: boolean;
  /** 503, 500 or 404. */
  readonly clusterNotFoundStatus: number;
};

export type ClusterChoice = {
  readonly cluster: string;
  /** `metadata_match` of the route and the weighted cluster, under `envoy.lb`. */
  readonly subset: Exchange['subset'];
  editRequest(exchange: Exchange): void;
  editResponse(exchange: Exchange, head: ResponseHead): void;
};

export type RetryPolicy = {
  readonly retries: number;
  /** Milliseconds; 0 is none. */
  readonly perTryTimeout: number;
  readonly backoff: { readonly base: number; readonly max: number };
  /** Avoids endpoints that were tried (Envoy's previous_hosts predicate); up to this many picks. */
  readonly reselect: number;
  /** Whether this outcome may be retried. Limits are the router's business. */
  retriable(outcome: AttemptOutcome): boolean;
};

export type AttemptOutcome =
  | { readonly kind: 'response'; readonly head: ResponseHead }
  | { readonly kind: 'connect-failure' }
  /** The upstream closed or reset before a response head; `requestSent` is false when no byte of the request had left. */
  | { readonly kind: 'reset'; readonly requestSent: boolean }
  /** The upstream said that it did nothing with it. */
  | { readonly kind: 'refused-stream' }
  | { readonly kind: 'per-try-timeout' };
