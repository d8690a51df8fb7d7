// Policies: who may call, over which transport, and how a client treats a destination.
import type { StringMatch } from './match.ts';
import type { Origin } from './origin.ts';
import type { Audience, Labels } from './service.ts';
import type { Setting } from './setting.ts';
import type { BasisPoints, Hostname, Millis, Port } from './units.ts';

/** Which inbound traffic a policy is about. `namespace: null` is the whole mesh. */
export type PolicyTarget = {
  readonly namespace: string | null;
  readonly workloads:
    | { readonly kind: 'all' }
    | ({ readonly kind: 'labels' } & LabelSelector)
    /** The proxies of one Gateway, or of all Gateways of a class. */
    | { readonly kind: 'gateway'; readonly name: string }
    | { readonly kind: 'gateway-class'; readonly name: string }
    /** What the service selects, on the ports it leads to. */
    | { readonly kind: 'service'; readonly name: string }
    | { readonly kind: 'service-account'; readonly name: string };
  /** A port of the workload: number, or container port name. */
  readonly port:
    | { readonly kind: 'any' }
    | { readonly kind: 'number'; readonly port: Port }
    | { readonly kind: 'name'; readonly name: string };
};

/** All labels and all expressions must hold (Kubernetes LabelSelector). */
export type LabelSelector = { readonly labels: Labels; readonly expressions: readonly LabelExpression[] };

export type LabelExpression = {
  readonly key: string;
  /** `not-in` and `absent` hold where the label is not there. */
  readonly operator: 'in' | 'not-in' | 'exists' | 'absent';
  readonly values: readonly string[];
};

export const selects = ({ labels, expressions }: LabelSelector, of: Labels): boolean =>
  Object.entries(labels).every(([key, value]) => of[key] === value) && expressions.every((each) => holds(each, of));

function holds({ key, operator, values }: LabelExpression, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'not-in':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
  }
}

export type AuthorizationPolicy = {
  readonly target: PolicyTarget;
  readonly action: 'allow' | 'deny';
  /** Any of them. An allow policy without rules allows nothing; a deny policy without rules denies nothing. */
  readonly rules: readonly AuthorizationRule[];
  readonly origin: Origin;
};

export type AuthorizationRule = {
  /** Who is asking: terms about the source only. */
  readonly who: Predicate<SourceTerm>;
  /** For what: terms about the request and connection only. */
  readonly what: Predicate<RequestTerm>;
  readonly origin: Origin;
};

export type Predicate<Term> =
  | { readonly kind: 'always' }
  | { readonly kind: 'all'; readonly of: readonly Predicate<Term>[] }
  | { readonly kind: 'any'; readonly of: readonly Predicate<Term>[] }
  | { readonly kind: 'not'; readonly of: Predicate<Term> }
  | { readonly kind: 'term'; readonly term: Term };

export type SourceTerm =
  /** The peer's SPIFFE id without `spiffe://`, as in `cluster.local/ns/shop/sa/cart`. */
  | { readonly kind: 'principal'; readonly match: StringMatch }
  | { readonly kind: 'namespace'; readonly match: StringMatch }
  | { readonly kind: 'service-account'; readonly namespace: string; readonly name: string }
  /** Any peer with a valid mesh certificate. */
  | { readonly kind: 'authenticated' }
  /** CIDR of the connection's peer. */
  | { readonly kind: 'peer-ip'; readonly cidr: string }
  /** CIDR of the original client, after X-Forwarded-For. */
  | { readonly kind: 'client-ip'; readonly cidr: string };

export type RequestTerm =
  | { readonly kind: 'host'; readonly match: StringMatch }
  | { readonly kind: 'method'; readonly match: StringMatch }
  /** Without the query. */
  | { readonly kind: 'path'; readonly match: StringMatch }
  | { readonly kind: 'header'; readonly name: string; readonly match: StringMatch }
  /** Port of the workload. */
  | { readonly kind: 'port'; readonly port: Port };

export type TransportMode = 'strict' | 'permissive' | 'disable';

/** What a workload accepts: mutual TLS only, also plain text, or plain text only. */
export type TransportPolicy = {
  readonly target: PolicyTarget;
  readonly mode: Setting<TransportMode>;
  readonly created: string;
  readonly origin: Origin;
};

/** How clients treat a destination (load balancing, pools, health, TLS). */
export type DestinationPolicy = {
  readonly host: Hostname;
  readonly namespace: string;
  /** Whose proxies follow it. */
  readonly clients: Audience;
  readonly created: string;
  readonly settings: DestinationSettings;
  readonly ports: readonly { readonly port: Port; readonly settings: DestinationSettings }[];
  readonly subsets: readonly Subset[];
  readonly origin: Origin;
};

export type Subset = {
  readonly name: string;
  readonly labels: Labels;
  readonly settings: DestinationSettings;
  readonly origin: Origin;
};

export type DestinationSettings = {
  readonly loadBalancer: Setting<LoadBalancer>;
  readonly connectionPool: ConnectionPool;
  readonly outlierDetection: Setting<OutlierDetection>;
  /** `mesh` is mutual TLS with mesh identities; off is plain text. */
  readonly tls: Setting<{ readonly kind: 'mesh' }>;
};

export type LoadBalancer =
  | { readonly kind: 'least-request' }
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'random' }
  | {
      readonly kind: 'hash';
      readonly on:
        | { readonly kind: 'header'; readonly name: string }
        | { readonly kind: 'query'; readonly name: string }
        | { readonly kind: 'source-ip' }
        | { readonly kind: 'cookie'; readonly name: string; readonly path: string; readonly ttl: Millis };
    };

/** null: the default (no limit; connect timeout 10 s). */
export type ConnectionPool = {
  readonly connectTimeout: Millis | null;
  readonly maxConnections: number | null;
  readonly maxPendingRequests: number | null;
  readonly maxRequests: number | null;
  readonly maxRequestsPerConnection: number | null;
  readonly maxRetries: number | null;
  readonly idleTimeout: Millis | null;
};

export type OutlierDetection = {
  readonly consecutive5xx: number | null;
  readonly consecutiveGatewayErrors: number | null;
  readonly interval: Millis;
  readonly baseEjection: Millis;
  readonly maxEjection: BasisPoints;
};
