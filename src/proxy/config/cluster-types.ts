// The parts of a ClusterConfig: how endpoints are chosen, checked and limited. Percentages are 0 to 100, times milliseconds.

export type PolicyConfig =
  | { readonly kind: 'round-robin'; readonly slowStart: SlowStartConfig | null }
  | {
      readonly kind: 'least-request';
      readonly choices: number;
      /** Exponent of the active requests when weights differ; 1 divides by them, 0 ignores them. */
      readonly bias: number;
      /** Of the runtime; '' is none. */
      readonly biasKey: string;
      /** Looks at every endpoint instead of `choices`. */
      readonly fullScan: boolean;
      readonly slowStart: SlowStartConfig | null;
    }
  | { readonly kind: 'random' }
  | {
      readonly kind: 'ring-hash';
      readonly minimumRingSize: number;
      readonly maximumRingSize: number;
      readonly hash: 'xx' | 'murmur2';
      readonly key: HashKey;
      readonly balanceFactor: number;
    }
  | {
      readonly kind: 'maglev';
      readonly tableSize: number;
      readonly key: HashKey;
      readonly balanceFactor: number;
    }
  /** Linkerd's: the cheaper of two by round-trip time and requests in flight. */
  | { readonly kind: 'peak-ewma'; readonly decay: number; readonly defaultRtt: number }
  | ReportedLoadConfig;

/** In turn, by weights from what endpoints say of their load (Envoy's client_side_weighted_round_robin). Times are milliseconds. */
export type ReportedLoadConfig = {
  readonly kind: 'reported-load';
  /** How long an endpoint must have been speaking before it is believed. */
  readonly blackout: number;
  /** How long a report holds. */
  readonly expiration: number;
  /** How often weights are made anew. */
  readonly updatePeriod: number;
  /** How often endpoints report on streams of their own, beside responses; null: they do not. */
  readonly streamPeriod: number | null;
  /** How much the share of errors adds to utilization. */
  readonly errorPenalty: number;
  /** Where utilization is, for endpoints without one of the application: `named_metrics.queue`, `utilization.*`. */
  readonly metrics: readonly string[];
  readonly slowStart: SlowStartConfig | null;
};

/** What of an endpoint is hashed; its metadata `envoy.lb` `hash_key` goes before either. */
export type HashKey = 'address' | 'hostname';

export type SlowStartConfig = {
  readonly window: number;
  readonly aggression: number;
  /** Of the runtime; '' is none. */
  readonly aggressionKey: string;
  readonly minWeightPercent: number;
};

export type LocalityConfig =
  /** By `load_balancing_weight` of localities, less what of them is unfit. */
  | { readonly kind: 'weighted' }
  /** The own zone first, as far as its share of callers and endpoints allows. Without a local cluster it does nothing. */
  | {
      readonly kind: 'zone-aware';
      readonly minClusterSize: number;
      readonly routedPercent: number;
      readonly failOnPanic: boolean;
      readonly forceDirect: boolean;
    };

export type SubsetConfig = {
  readonly fallback: SubsetFallback;
  readonly selectors: readonly SubsetSelector[];
  readonly defaultSubset: Readonly<Record<string, unknown>>;
  readonly localityWeightAware: boolean;
  readonly scaleLocalityWeight: boolean;
  readonly panicModeAny: boolean;
  /** A list in an endpoint's metadata matches by any of its elements. */
  readonly listAsAny: boolean;
  /** Criteria may hold a list of alternatives under `fallback_list`. */
  readonly metadataFallback: boolean;
};

export type SubsetFallback = 'none' | 'any' | 'default';

export type SubsetSelector = {
  /** Sorted. */
  readonly keys: readonly string[];
  readonly singleHost: boolean;
  /** null: the fallback of the whole configuration. */
  readonly fallback: SubsetFallback | { readonly keys: readonly string[] } | null;
};

export type EndpointHealth = 'unknown' | 'healthy' | 'unhealthy' | 'draining' | 'timeout' | 'degraded';

export type EndpointConfig = {
  readonly address: string;
  readonly port: number;
  /** Tried after `address` fails or is slow to connect (RFC 8305). */
  readonly moreAddresses: readonly SocketAddress[];
  readonly hostname: string;
  /** In statistics, in place of its address; '' is none. */
  readonly observabilityName: string;
  readonly weight: number;
  /** As the control plane says it. */
  readonly health: EndpointHealth;
  /** `region/zone/sub-zone`, without what is empty at its end. */
  readonly locality: string;
  readonly priority: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly check: EndpointCheckConfig;
};

export type SocketAddress = { readonly address: string; readonly port: number };

/** What differs for active health checks of one endpoint; '' and 0 are as for requests. */
export type EndpointCheckConfig = {
  readonly address: string;
  readonly port: number;
  readonly hostname: string;
  readonly disabled: boolean;
};

/** The endpoints of a cluster with what holds for all of them. */
export type Assignment = {
  readonly endpoints: readonly EndpointConfig[];
  /** Percent of traffic a priority can take per percent of fit endpoints. */
  readonly overprovisioning: number;
  /** A priority's health counts weights instead of endpoints. */
  readonly weightedHealth: boolean;
  readonly localityWeights: readonly LocalityWeight[];
  /** Shares in [0, 1] of requests to refuse, by category. */
  readonly drops: readonly { readonly category: string; readonly share: number }[];
  /** After so long without an update the endpoints are gone; 0 is never. */
  readonly staleAfter: number;
};

export type LocalityWeight = { readonly priority: number; readonly locality: string; readonly weight: number };

export type OutlierConfig = {
  readonly interval: number;
  readonly baseEjection: number;
  readonly maxEjection: number;
  readonly maxEjectionJitter: number;
  readonly maxEjectionPercent: number;
  readonly alwaysEjectOne: boolean;
  readonly splitLocalOrigin: boolean;
  readonly unejectOnCheck: boolean;
  /** Failures in a row, and the chance in percent that they eject. */
  readonly consecutive5xx: ConsecutiveConfig;
  readonly consecutiveGatewayFailure: ConsecutiveConfig;
  readonly consecutiveLocalOriginFailure: ConsecutiveConfig;
  readonly successRate: {
    readonly minimumHosts: number;
    readonly requestVolume: number;
    /** Thousandths of a standard deviation below the mean. */
    readonly stdevFactor: number;
    readonly enforcing: number;
    readonly enforcingLocalOrigin: number;
  };
  readonly failurePercentage: {
    readonly minimumHosts: number;
    readonly requestVolume: number;
    readonly threshold: number;
    readonly enforcing: number;
    readonly enforcingLocalOrigin: number;
  };
  /** Linkerd's circuit breaker; null without. */
  readonly accrual: AccrualConfig | null;
};

export type ConsecutiveConfig = { readonly count: number; readonly enforcing: number };

export type AccrualConfig = {
  readonly maxFailures: number;
  readonly minPenalty: number;
  readonly maxPenalty: number;
  /** Share of the penalty that is added at random, 0 to 100. */
  readonly jitterRatio: number;
};

/** Envoy's defaults: 1024, 1024, 1024, 3. */
export type Limits = {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  /** In place of `maxRetries`. */
  readonly retryBudget: { readonly percent: number; readonly minimum: number } | null;
  /** Statistics show what is left. */
  readonly trackRemaining: boolean;
  /** Of one endpoint; no limit by default. */
  readonly maxConnectionsPerHost: number;
};

/** Which limits a request counts for, and which connections it shares. */
export type RoutingPriority = 'default' | 'high';
