// The contract of an HTTP filter. Filters are compiled from xDS once per update and shared by all requests: state of a request lives in the Exchange,
// or in the StreamFilter that `open` makes for it. What a filter needs of the running proxy comes with each call, so that compiling stays pure.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { OnDemand } from '../config/on-demand.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { SecretRef } from '../config/tls-types.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { MetricRules } from '../log/metric-rules.ts';
import type { RouteTable } from '../route/table.ts';

/** An answer given by the proxy itself, sent as `text/plain` unless headers say otherwise. */
export type LocalReply = {
  readonly status: number;
  readonly body: string | Buffer;
  readonly details: string;
  readonly flags: number;
  readonly headers: HeaderMap | null;
  /** What a gRPC client is told, where it is not what the status stands for. */
  readonly grpcStatus?: number;
  /** What the route itself says. Routes that forward edit what filters answer, too; others do not. */
  readonly ofRoute?: true;
  /** Only filters see it: neither routes nor `local_reply_config` edit it, and gRPC clients get it as it is. */
  readonly asIs?: true;
};

/** The proxy around a filter: the same object for every request of one connection manager. */
export type FilterScope = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Calls through clusters. */
  readonly client: ClusterClient;
  readonly clusters: { get(name: string): Cluster | undefined };
  /** Values of Envoy's runtime by key. */
  readonly runtime: RuntimeLookup;
  /** The table that routes are looked up in now. */
  currentRoutes(): RouteTable | undefined;
  /** Asks the control plane for what a request lacks. */
  readonly onDemand: OnDemand;
  /** What a secret of `HttpFilter.secrets` is now, one character a byte; '' while it has not come. */
  secret(ref: SecretRef): string;
  /** What this proxy is in the mesh; '' where its bootstrap does not say. */
  readonly node: {
    readonly id: string;
    readonly cluster: string;
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  /** Whether this proxy fails its health checks because somebody asked for it. */
  readonly health: { readonly failing: boolean };
  /** Threads that carry traffic, each with a scope of its own: what is limited for the proxy is shared out among them. */
  readonly workers: number;
  /** What they keep together under that name; null where there is one, or too many names. */
  tally(name: string): Tally | null;
  /** What the connection manager takes of a request. */
  readonly requestLimits: { readonly maxHeaders: number; readonly maxHeadBytes: number };
  /** This machine's address, as in X-Forwarded-For. */
  readonly localAddress: string;
  /** `http.<stat_prefix>.`, which begins the names of a filter's counters. */
  readonly prefix: string;
  /** The counters of that name (`http.front.rbac`): made on first use, then always the same object. Its number fields are shown as `<name>.<field>`. */
  stats<Stats extends object>(name: string, make: () => Stats): Stats;
};

export type HttpFilter = {
  /** Only in a chain: the filter is off, unless a route has something in its place or for it. */
  readonly disabled?: HttpFilter;
  /** Only of a route: settings for the filter of the chain, in whose place nothing is put (see `routeSettings`). */
  readonly settings?: { readonly key: symbol; readonly value: unknown };
  /** Only of a filter that stands in front of another: the same in front of what a route has in the other's place. */
  around?(other: HttpFilter): HttpFilter;
  /** Only in a chain: how Istio's metrics are made of its requests. */
  readonly metrics?: MetricRules;
  /** The name in the filter chain, as in `envoy.filters.http.rbac`; per-route configuration is found by it. */
  readonly name: string;
  /** What it reads of `FilterScope.secret`: a listener is not there before they are, and follows them. */
  readonly secrets?: readonly SecretRef[];
  /** Begins what goes on without requests; once per connection manager. */
  start?(scope: FilterScope): Started;
  /** Downstream to upstream, in chain order, once per request. Undefined goes on; a reply ends the request there. */
  request?(exchange: Exchange, scope: FilterScope): LocalReply | undefined | Promise<LocalReply | undefined>;
  /** Upstream to downstream, in reverse order, once per response, local replies included. */
  response?(exchange: Exchange, head: ResponseHead, scope: FilterScope): void;
  /**
   * Instead of the two above, for filters that keep state, look at bodies or hold a response: called when the request reaches the filter, or when a
   * local reply passes it that was given before. null: the filter has nothing to do for this request.
   */
  open?(exchange: Exchange, scope: FilterScope, stream: FilterStream): StreamFilter | null;
};

/** What a filter does beside requests. */
export type Started = {
  /** A new listener accepts no connection before; never rejects. */
  readonly ready: Promise<void>;
  /** No more requests are to come. */
  stop(): void;
};

/** A filter's part in one exchange. A direction that is left out passes untouched. */
export type StreamFilter = {
  readonly request?: FilterStage<RequestHead>;
  readonly response?: FilterStage<ResponseHead>;
  /** The exchange is over, whatever ended it: called once, the last call of all. */
  done?(): void;
};

/** One direction: a head, then data and the end unless the head was the `last`. What has no method passes; what has one is passed on by the filter itself. */
export type FilterStage<Head> = {
  head?(head: Head, last: boolean): HeadOutcome;
  /** A chunk is valid until the call returns: who holds it longer takes `kept(chunk)` (proxy/socket). */
  data?(chunk: Buffer): void;
  end?(trailers: HeaderMap | null): void;
  /** What takes the body behind this filter has as much as it can take, or takes more again: for filters that make more of a body than came. */
  receiver?(full: boolean): void;
};

/**
 * Undefined goes on. A reply is answered instead. Otherwise the head waits until the filter's `proceed`:
 * `hold` keeps what follows away from the filter meanwhile, `collect` delivers it (to a filter that has both `data` and `end`).
 */
export type HeadOutcome = undefined | 'hold' | 'collect' | LocalReply;

/** What an open filter may do beside returning. Calls after the exchange is over do nothing. */
export type FilterStream = {
  readonly request: FilterOutlet;
  readonly response: FilterOutlet;
  /** Answers now, from wherever the request is. Where a response has begun already it is broken off. */
  answer(reply: LocalReply): void;
  /** The route is chosen anew, now. */
  reroute(): void;
  /** Runs what a timer or another connection causes; an exception ends the exchange, and what was written is sent. */
  run(work: () => void): void;
};

/** Where a filter puts what it passes on, towards the next filter of that direction: nothing before the head has gone. */
export type FilterOutlet = {
  /** The waiting head goes on. `last` says whether a body follows, where that has changed. */
  proceed(last?: boolean): void;
  write(chunk: Buffer): void;
  finish(trailers: HeaderMap | null): void;
  /** The filter holds as much as it wants to: the source is asked to stop, until `resume`. */
  pause(): void;
  resume(): void;
};
