// Choosing an endpoint. A balancer is rebuilt when the endpoints of its cluster change; counters live in the Endpoint and survive that.

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

export type PickContext = {
  /** From the route's hash policy, unsigned 32 bits; null when there is none. */
  readonly hash: number | null;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Tried already: avoided while others are left. */
  readonly tried: readonly Endpoint[];
};

export type Balancer = {
  /** null: no healthy endpoint (503, flag UH). */
  pick(context: PickContext): Endpoint | null;
};
