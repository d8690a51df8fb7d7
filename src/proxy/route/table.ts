// What a RouteConfiguration compiles to: asked once per request, parses nothing.
import type { Hash64 } from '../../lib/hash.ts';
import type { SubsetCriteria } from '../balance/balancer.ts';
import type { RoutingPriority } from '../config/cluster-types.ts';
import type { ConfigSource } from '../config/config-source.ts';
import type { Decorator } from '../config/decorator.ts';
import type { BodyFormat } from '../config/local-reply.ts';
import type { ProxyHeaderConfig } from '../config/proxy-header.ts';
import type { Keyed, RuntimeLookup } from '../config/runtime-keys.ts';
import type { SpanOptions } from '../config/span-options.ts';
import type { HttpFilter } from '../filter/filter.ts';
import type { RouteLimits } from '../filter/rate-limit/route-limits.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { ChargeRequest } from './charges.ts';
import type { Edit } from './header-edits.ts';
import type { InternalRedirect } from './internal-redirect.ts';
import type { NeededCluster } from './needed-clusters.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { PathChange } from './rewrite.ts';

export type RouteTable = {
  readonly name: string;
  /** `random` is uniform in [0, 1): used for runtime fractions. null: no virtual host or no route (404, flag NR). */
  match(
    request: RequestHead,
    exchange: Exchange | null,
    random: () => number,
    runtime?: RuntimeLookup,
  ): RouteEntry | null;
  /** Removes headers that only requests from inside may bring (`internal_only_headers`); null: there are none. */
  readonly hideInternal: ((headers: HeaderMap) => void) | null;
  /** It is refused unless they exist; [] where nobody asks for that. */
  readonly neededClusters: readonly NeededCluster[];
  /** Where virtual hosts come from that it lacks (`vhds`); null: there are no others. */
  readonly hostSource: ConfigSource | null;
};

export type RouteEntry = {
  readonly name: string;
  readonly virtualHost: string;
  /** `filter_metadata` of the virtual host. */
  readonly hostMetadata: Readonly<Record<string, unknown>>;
  readonly action: RouteAction;
  /** Header operations of route, virtual host and route configuration in Envoy's order; rewrites are applied by the router. */
  editRequest(exchange: Exchange): void;
  editResponse(exchange: Exchange, head: ResponseHead): void;
  /** Per-route configuration of filters, already compiled, by filter name: replaces the chain's filter; null disables it. */
  readonly filters: ReadonlyMap<string, HttpFilter | null>;
  readonly rateLimits: RouteLimits;
  /** null: requests are counted by their cluster alone. */
  readonly charge: ChargeRequest | null;
  /** Names the span of its requests; null names it by its direction. */
  readonly decorator: Decorator | null;
  /** In place of what the connection manager says of its spans; null: nothing is. */
  readonly tracing: SpanOptions | null;
  /** `filter_metadata` of the route, as plain JSON values: holds `tulle.origin`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Only where a cluster is to be chosen: notes the choice in the exchange. What comes back is the entry with what the choice changes. `random` is as for `match`. */
  settle?(exchange: Exchange, random: () => number, runtime: RuntimeLookup): RouteEntry;
};

export type RouteAction =
  | ForwardAction
  | RedirectAction
  | RespondAction
  /** `non_forwarding_action`: for servers that only look routes up; a request has no cluster to go to. */
  | { readonly kind: 'nowhere'; readonly status: 503 };

export type RespondAction = {
  readonly kind: 'respond';
  readonly status: number;
  readonly body: string;
  /** What the body is written with. */
  readonly format?: BodyFormat;
};

export type RedirectAction = {
  readonly kind: 'redirect';
  readonly status: number;
  location(exchange: Exchange): string;
  /** As for a request that is forwarded, the path that headers and logs see is the new one; null where it stays. */
  readonly changePath: PathChange | null;
};

/** How a request is forwarded: as its route says, or as headers of the request change it. Milliseconds; 0 is none. */
export type ForwardPlan = {
  /** For the whole response; Envoy's default is 15,000. */
  readonly timeout: number;
  readonly perTryTimeout: number;
  /** Without a byte in either direction. */
  readonly perTryIdleTimeout: number;
  /** For the upstream's whole part, from the moment a connection takes the request; the cluster's limit unless the request has its own. */
  readonly streamDuration: number | null;
  /** null: nothing is ever tried again. */
  readonly retry: RetryPolicy | null;
  /** What a timeout of a try is for: true starts another beside it, false gives it up. */
  readonly hedge: boolean;
};

export type ForwardAction = ForwardPlan & {
  readonly kind: 'forward';
  readonly priority: RoutingPriority;
  /** Chooses among weighted clusters. Without what is `around` the request it goes by its head and the configuration. */
  pickCluster(request: RequestHead, random: number, around?: Around): ClusterChoice;
  /** The choice is made with the route, not when somebody asks for it: false where there is but one. */
  readonly picksEarly: boolean;
  /** Sets path and authority of the request as the route rewrites them. `quiet`: no header tells of it. */
  rewrite(exchange: Exchange, quiet: boolean): void;
  /** After `rewrite`, once an endpoint was chosen: its host name takes the place of the authority. null: it does not. */
  readonly rewriteForHost: ((request: RequestHead, hostname: string) => void) | null;
  /** Milliseconds without bytes in either direction; null is the connection manager's, 0 is none. */
  readonly idleTimeout: number | null;
  /** The deadline of a gRPC client in place of `timeout`; null: it is not looked at. */
  readonly grpcTimeout: { readonly max: number; readonly offset: number } | null;
  /** null is the connection manager's limit. */
  readonly maxDuration: MaxDuration | null;
  readonly mirrors: readonly MirrorPolicy[];
  readonly internalRedirect: InternalRedirect | null;
  /** Bytes of a request kept for another try; null is the proxy's. */
  readonly bufferLimit: number | null;
  /** Which of the headers about attempts are set; null is none. */
  readonly attemptHeaders: AttemptHeaders | null;
  /** Asked for balancers that choose by a hash. null: no policy, or none that applies; they choose at random. */
  readonly hash: ((request: RequestHead, exchange: Exchange) => Hash64 | null) | null;
  /** By lower-case protocol, `connect` for CONNECT: what this route says of switching to it; the connection manager decides the rest. */
  readonly upgrades: ReadonlyMap<string, boolean>;
  /** Which requests end here. null: none does. */
  readonly tunnel: TunnelEnd | null;
  /** 503, 500 or 404. */
  readonly clusterNotFoundStatus: number;
};

/** What the choice of a cluster may depend on beside the request's head. */
type Around = { readonly exchange: Exchange | null; readonly runtime: RuntimeLookup };

export type ClusterChoice = {
  readonly cluster: string;
  /** `metadata_match`: which subset of its endpoints. */
  readonly subset: SubsetCriteria | null;
  /** As `RouteEntry.filters`, and in its place; null where the choice changes nothing about filters. */
  readonly filters: RouteEntry['filters'] | null;
  editRequest(exchange: Exchange): void;
  editResponse(exchange: Exchange, head: ResponseHead): void;
};

/** How long an exchange may take in all, in milliseconds. */
export type MaxDuration = {
  /** null is the connection manager's limit, 0 none. */
  readonly limit: number | null;
  /** What the deadline of a gRPC client is cut to (0: it is taken as it is), and shortened by; null: it is not looked at. */
  readonly grpc: { readonly max: number; readonly offset: number } | null;
};

/** `x-envoy-attempt-count` on requests and responses, `x-envoy-is-timeout-retry` on requests. */
type AttemptHeaders = { readonly request: boolean; readonly response: boolean; readonly timeoutRetry: boolean };

export type MirrorPolicy = {
  clusterFor(request: RequestHead): string;
  readonly share: Keyed<number>;
  /** Of the copy's headers. */
  readonly edits: readonly Edit[];
  /** Whether the copy's part of a trace is recorded; null: where the request's is. */
  readonly sampled: boolean | null;
  /** The copy's host. */
  rename(authority: string): string;
};

export type AttemptOutcome =
  | { readonly kind: 'response'; readonly head: ResponseHead }
  | { readonly kind: 'connect-failure' }
  /** The upstream closed or reset before a response head; `requestSent` is false when no byte of the request had left. */
  | { readonly kind: 'reset'; readonly requestSent: boolean }
  /** The upstream said that it did nothing with it. */
  | { readonly kind: 'refused-stream' }
  | { readonly kind: 'per-try-timeout' };

/** Where a request ends whose body is another protocol (`connect_config`): its bytes go to the endpoint as they are, behind a PROXY header if there is one. */
export type TunnelEnd = {
  ends(method: string): boolean;
  readonly proxyHeader: ProxyHeaderConfig | null;
};
