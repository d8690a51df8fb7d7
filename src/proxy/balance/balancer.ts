// Choosing an endpoint. A balancer is rebuilt when the endpoints of its cluster change; what is counted and measured lives in the Endpoint and survives that.
import type { Hash64 } from '../../lib/hash.ts';
import type { PeakEwma } from './peak-ewma.ts';

/** One endpoint of a cluster while it exists; identity is kept across updates that do not change its address. */
export type Endpoint = {
  readonly address: string;
  readonly port: number;
  /** `127.0.0.1:8080`, as in `%UPSTREAM_HOST%`. */
  readonly name: string;
  readonly hostname: string;
  readonly weight: number;
  /** What is known against it: bits of `unfit`. */
  readonly health: number;
  /** Monotonic milliseconds since when it takes requests: it warms up from then on. */
  readonly healthySince: number;
  readonly activeRequests: number;
  readonly locality: string;
  readonly priority: number;
  /** `filter_metadata` as plain JSON values: `envoy.transport_socket_match`, `istio`, `tulle.workload`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Measured where the policy asks for it. */
  readonly latency: PeakEwma | null;
};

/** What a request wants of the endpoint it goes to. */
export type PickContext = {
  /** From the route's hash policy; null when there is none. */
  readonly hash: Hash64 | null;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Counts from 0. */
  readonly attempt: number;
  /** Tried already: avoided, as far as `reselect` goes. */
  readonly tried: readonly Endpoint[];
  /** How often an endpoint that is not wanted is given back for another (Envoy's host_selection_retry_max_attempts). */
  readonly reselect: number;
  /** Retry host predicates beside `tried`: true gives the endpoint back. */
  readonly rejects: ((endpoint: Endpoint) => boolean) | null;
  /** Metadata that subset balancers choose by. */
  readonly subset: SubsetCriteria | null;
  /** Where the client was going before it was redirected here; null when it was not. */
  readonly destination: { readonly address: string; readonly port: number } | null;
  /** Of the request; '' where there is none. */
  readonly authority: string;
  /** Of the request, where there is one. */
  readonly headers: { get(name: string): string | undefined } | null;
  /** The endpoint a session belongs to. */
  readonly override: EndpointOverride | null;
  /** Shares priorities anew for this request; null leaves them as they are. Balancers by hash do not ask (as in Envoy). */
  readonly reshare: Reshare | null;
};

/** Percent of requests by priority: to its healthy, or its degraded endpoints. Both together add up to 100. */
export type PriorityLoads = { readonly healthy: readonly number[]; readonly degraded: readonly number[] };

/** The priorities of a balancer: what each could take, and what it gets. */
export type Priorities = {
  readonly available: PriorityLoads;
  readonly loads: PriorityLoads;
  /** -1: of none. */
  priorityOf(endpoint: Endpoint): number;
};

export type Reshare = (priorities: Priorities) => PriorityLoads;

/** Members of `metadata_match` under `envoy.lb` in the order of their names; values as canonical JSON. */
export type SubsetCriteria = readonly (readonly [name: string, value: string])[];

/** `name` as in Endpoint. `strict`: no other endpoint will do. */
export type EndpointOverride = {
  readonly name: string;
  readonly strict: boolean;
  /** Of the answer where it is strict and cannot be had; 503 by default. */
  readonly statusWithout?: number;
};

/** A request that wants nothing in particular. */
export const anyEndpoint = {
  hash: null,
  attempt: 0,
  tried: [],
  reselect: 0,
  rejects: null,
  subset: null,
  destination: null,
  authority: '',
  headers: null,
  override: null,
  reshare: null,
} as const;

/** What a cluster tells its balancer. */
export type BalancerContext = {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly now: () => number;
  readonly stats: BalancerStats;
  /** Requests to the cluster in progress. */
  readonly active: () => number;
  /** The cluster that this proxy itself belongs to, for zone-aware routing; null when there is none. */
  readonly local: () => LocalCluster | null;
};

/** `zone` is where this proxy runs, as an endpoint's locality. `version` changes with its endpoints and their health. */
export type LocalCluster = {
  readonly zone: string;
  readonly version: number;
  readonly endpoints: readonly Endpoint[];
  /** Too few of them are fit to say where callers are. */
  readonly panic: boolean;
};

/** Counters with Envoy's names. */
export type BalancerStats = {
  lb_healthy_panic: number;
  lb_local_cluster_not_ok: number;
  lb_recalculate_zone_structures: number;
  lb_zone_cluster_too_small: number;
  lb_zone_no_capacity_left: number;
  lb_zone_routing_all_directly: number;
  lb_zone_routing_cross_zone: number;
  lb_zone_routing_sampled: number;
  lb_subsets_active: number;
  lb_subsets_created: number;
  lb_subsets_removed: number;
  lb_subsets_selected: number;
  lb_subsets_fallback: number;
  lb_subsets_fallback_panic: number;
};

export type Balancer = {
  /** null: no healthy endpoint (503, flag UH). */
  pick(context: PickContext): Endpoint | null;
  /** The health or weight of an endpoint has changed: looked at with the next pick. */
  invalidate(): void;
};
