// Choosing an endpoint. A balancer is rebuilt when the endpoints of its cluster change; counters live in the Endpoint and survive that.
import type { Hash64 } from '../../lib/hash.ts';

/** One endpoint of a cluster while it exists; identity is kept across updates that do not change its address. */
export type Endpoint = {
  readonly address: string;
  readonly port: number;
  /** `127.0.0.1:8080`, as in `%UPSTREAM_HOST%`. */
  readonly name: string;
  weight: number;
  /** As EDS says it; the load balancer skips the unhealthy. */
  healthy: boolean;
  /** Ejected by outlier detection until this monotonic millisecond; 0 when not. */
  ejectedUntil: number;
  consecutive5xx: number;
  consecutiveGatewayErrors: number;
  ejections: number;
  activeRequests: number;
  readonly locality: string;
  readonly priority: number;
  /** `filter_metadata` as plain JSON values: `envoy.transport_socket_match`, `istio`, `tulle.workload`. */
  metadata: Readonly<Record<string, unknown>>;
};

/** What a request wants of the endpoint it goes to. */
export type PickContext = {
  /** From the route's hash policy; null when there is none. */
  readonly hash: Hash64 | null;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Tried already: avoided, as far as `reselect` goes. */
  readonly tried: readonly Endpoint[];
  /** How often an endpoint that is not wanted is given back for another (Envoy's host_selection_retry_max_attempts). */
  readonly reselect: number;
  /** Retry host predicates beside `tried`: true gives the endpoint back. */
  readonly rejects: ((endpoint: Endpoint) => boolean) | null;
  /** Metadata that subset balancers choose by. */
  readonly subset: SubsetCriteria | null;
  /** The endpoint a session belongs to. */
  readonly override: EndpointOverride | null;
};

/** Members of `metadata_match` under `envoy.lb` in the order of their names; values as canonical JSON. */
export type SubsetCriteria = readonly (readonly [name: string, value: string])[];

/** `name` as in Endpoint. `strict`: no other endpoint will do. */
export type EndpointOverride = { readonly name: string; readonly strict: boolean };

/** A request that wants nothing in particular. */
export const anyEndpoint = { hash: null, tried: [], reselect: 0, rejects: null, subset: null, override: null } as const;

export type Balancer = {
  /** null: no healthy endpoint (503, flag UH). */
  pick(context: PickContext): Endpoint | null;
};
