// The plan of one proxy: everything it has to know, in the mesh's own words, resolved. `encode` turns it into xDS resources one to one.
import type { RequestMatch } from '../model/match.ts';
import type { Origin } from '../model/origin.ts';
import type {
  AuthorizationRule,
  ConnectionPool,
  LoadBalancer,
  OutlierDetection,
  TransportMode,
} from '../model/policy.ts';
import type { Fault, HeaderEdit, PathRewrite, RetryBudget, RetryPolicy, Rewrite } from '../model/route.ts';
import type { Address, Labels, Protocol } from '../model/service.ts';
import type { Setting } from '../model/setting.ts';
import type { BasisPoints, Hostname, Millis, Port, SpiffeId } from '../model/units.ts';

export type ProxyPlan = {
  readonly proxy: ProxyRef;
  readonly listeners: readonly ListenerPlan[];
  readonly routeTables: readonly RouteTablePlan[];
  readonly clusters: readonly ClusterPlan[];
};

/** Who the proxy is. `id` is the xDS node id: `sidecar~<ip>~<name>.<namespace>~<namespace>.svc.cluster.local` (or `router~…`, `grpc~…`). */
export type ProxyRef = {
  readonly id: string;
  readonly kind: 'sidecar' | 'gateway' | 'proxyless';
  readonly name: string;
  readonly namespace: string;
  readonly dataPlane: 'tulle' | 'envoy' | 'proxyless';
  readonly identity: SpiffeId;
  readonly workload: WorkloadLabels;
};

/** What metrics say about one end of a request; '' prints as `unknown`. */
export type WorkloadLabels = {
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
};

export type ListenerPlan =
  /** Takes requests from other proxies and hands them to the application. One per port of the workload. */
  | {
      readonly kind: 'inbound';
      /** `inbound_<container port>` */
      readonly name: string;
      readonly bind: Address;
      readonly containerPort: Port;
      readonly protocol: Protocol;
      /** `inbound|<container port>||` */
      readonly cluster: string;
      /** The first service that selects the workload on this port, for metrics; null when there is none. */
      readonly service: ServiceLabels | null;
      readonly transport: { readonly mode: TransportMode; readonly origin: Origin };
      /** All must let a request pass, in this order. */
      readonly authorization: readonly AuthorizationLayer[];
      readonly shapedBy: ShapedBy;
    }
  /** Takes the application's requests for one service and port. */
  | {
      readonly kind: 'outbound';
      /** `outbound_<port>_<host>` */
      readonly name: string;
      readonly bind: Address;
      readonly protocol: Protocol;
      readonly routeTable: string;
      readonly shapedBy: ShapedBy;
    }
  /** Takes the application's requests for any host (absolute-form, or by Host header). */
  | {
      readonly kind: 'forward-proxy';
      readonly name: 'outbound_proxy';
      readonly bind: Address;
      readonly routeTable: string;
    }
  /** A gateway's port; listeners of one port share it. */
  | {
      readonly kind: 'gateway';
      /** `gateway_<port>` */
      readonly name: string;
      readonly bind: Address;
      readonly protocol: 'http';
      readonly routeTable: string;
      /** All must let a request pass, in this order. */
      readonly authorization: readonly AuthorizationLayer[];
      readonly origin: Origin;
      readonly shapedBy: ShapedBy;
    }
  /** What a proxyless gRPC client asks for by name: `<host>:<port>`. */
  | { readonly kind: 'api'; readonly name: string; readonly routeTable: string; readonly shapedBy: ShapedBy };

/** `objectKey`s of every user object that shaped a part, sorted: what "applied on N proxies" is counted by. */
export type ShapedBy = readonly string[];

/** The policies of one dialect on a workload's port: any deny denies; with an allow list, one of it must match. */
export type AuthorizationLayer = {
  readonly dialect: string;
  readonly deny: readonly NamedRule[];
  /** null: this dialect allows what it does not deny. Empty: nothing is allowed. */
  readonly allow: readonly NamedRule[] | null;
};

/** `name` is unique in the layer and readable: `AuthorizationPolicy/shop/orders[0]`. */
export type NamedRule = { readonly name: string; readonly rule: AuthorizationRule };

export type RouteTablePlan = {
  /** `<port>` or `<host>:<port>`, `outbound_proxy`, `gateway_<port>`: the RDS name. */
  readonly name: string;
  /** Whether the port of a request's authority says nothing: domains are without one. */
  readonly ignoresPort: boolean;
  readonly virtualHosts: readonly VirtualHostPlan[];
};

export type VirtualHostPlan = {
  /** `<host>:<port>` */
  readonly name: string;
  /** Every authority that means it, as Envoy's `domains`: exact, `*.suffix`, `*`. */
  readonly domains: readonly string[];
  /** First match wins. A request that none matches gets 404 (flag NR). */
  readonly routes: readonly RoutePlan[];
  readonly shapedBy: ShapedBy;
};

export type RoutePlan = {
  /** Unique in its virtual host, stable under reordering of unrelated objects. */
  readonly name: string;
  readonly match: RequestMatch | null;
  readonly action: RouteActionPlan;
  readonly requestHeaders: HeaderEdit;
  readonly responseHeaders: HeaderEdit;
  readonly fault: Fault | null;
  readonly origin: Origin;
};

export type RouteActionPlan =
  | {
      readonly kind: 'forward';
      /** At least one; weights are relative, their sum is > 0. */
      readonly clusters: readonly WeightedCluster[];
      readonly rewrite: Rewrite | null;
      readonly mirrors: readonly { readonly cluster: string; readonly share: BasisPoints }[];
      /** `off`: none. */
      readonly timeout: Setting<Millis>;
      readonly retry: Setting<RetryPolicy>;
      /** What the balancer hashes, for clusters that hash. */
      readonly hash: (LoadBalancer & { kind: 'hash' })['on'] | null;
    }
  | {
      readonly kind: 'redirect';
      readonly scheme: 'http' | 'https' | null;
      readonly host: string | null;
      readonly port: Port | null;
      readonly path: PathRewrite | null;
      readonly status: 301 | 302 | 303 | 307 | 308;
    }
  | { readonly kind: 'respond'; readonly status: number; readonly body: string };

export type WeightedCluster = {
  readonly cluster: string;
  readonly weight: number;
  readonly requestHeaders: HeaderEdit;
  readonly responseHeaders: HeaderEdit;
};

export type ServiceLabels = { readonly host: Hostname; readonly name: string; readonly namespace: string };

export type ClusterPlan =
  | {
      readonly kind: 'service';
      /** `outbound|<port>|<subset>|<host>` */
      readonly name: string;
      readonly service: ServiceLabels;
      readonly subset: string;
      readonly protocol: Protocol;
      readonly loadBalancer: LoadBalancer;
      readonly pool: ConnectionPool;
      /** null: retries are limited by their routes alone. */
      readonly retryBudget: RetryBudget | null;
      readonly outlierDetection: OutlierDetection | null;
      /** How endpoints that have a proxy are reached; those without one get plain text (`EndpointPlan.mutualTls`). */
      readonly transport:
        | { readonly kind: 'mesh'; readonly sni: string; readonly identities: readonly SpiffeId[] }
        | { readonly kind: 'plain' };
      readonly endpoints: readonly EndpointPlan[];
      /** The destination policy that shaped it, or the service. */
      readonly origin: Origin;
      readonly shapedBy: ShapedBy;
    }
  /** The application beside the proxy. */
  | {
      readonly kind: 'application';
      readonly name: string;
      readonly address: Address;
      readonly protocol: Protocol;
      readonly origin: Origin;
      readonly shapedBy: ShapedBy;
    }
  /** A backend that does not exist, kept for the weights: named `broken|…`, never encoded, so that its share of requests gets the route's answer for an unknown cluster (500). */
  | { readonly kind: 'broken'; readonly name: string; readonly reason: string; readonly origin: Origin };

export type EndpointPlan = {
  readonly address: Address;
  readonly mutualTls: boolean;
  readonly workload: WorkloadLabels;
  readonly labels: Labels;
};
