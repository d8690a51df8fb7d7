// What xDS resources compile to: complete, validated, with every default filled in. The running parts of the proxy read only this.

import type { AddressTest } from '../../lib/cidr.ts';
import type { HttpFilter } from '../filter/filter.ts';
import type { HeadEdits } from '../filter/header-mutation.ts';
import type { ResponseLimits } from '../http/response-limits.ts';
import type { Underscores } from '../http/underscores.ts';
import type { Http1Options } from '../http1/options.ts';
import type { Http2Options } from '../http2/options.ts';
import type { AccessLog } from '../log/access-log.ts';
import type { NetworkFilter } from '../network-filter/filter.ts';
import type { OverloadExemptions } from '../overload/listener-overload.ts';
import type { RouterOptions } from '../route/request-plan.ts';
import type { RouteTable } from '../route/table.ts';
import type { SocketOption } from '../system/sockets.ts';
import type { TracingConfig } from '../tracing/config.ts';
import type { AddressOrder } from './address-order.ts';
import type { ChainMatcher } from './chain-matcher.ts';
import type {
  Assignment,
  EndpointHealth,
  Limits,
  LocalityConfig,
  OutlierConfig,
  PolicyConfig,
  RoutingPriority,
  SubsetConfig,
} from './cluster-types.ts';
import type { ConfigSource } from './config-source.ts';
import type { DnsCacheConfig } from './dns-cache.ts';
import type { DnsResolverConfig } from './dns-resolver.ts';
import type { HeadRules } from './head-rules.ts';
import type { HealthCheckConfig } from './health-check-types.ts';
import type { ChainMatch, ListenerFilterConfig } from './listener-types.ts';
import type { LocalReplies } from './local-reply.ts';
import type { StreamConfig } from './network-types.ts';
import type { Origin } from './origins.ts';
import type { ProxyHeaderConfig } from './proxy-header.ts';
import type { TimedOption } from './socket-options.ts';
import type { DownstreamTlsConfig, RequestNames, UpstreamTlsConfig } from './tls-types.ts';

export type ListenerConfig = {
  readonly name: string;
  /** Its name in statistics; '' is its address. */
  readonly statPrefix: string;
  /** An IP address, or the path of a Unix socket, which has port 0. */
  readonly address: string;
  readonly port: number;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  /** Further addresses the same connections may come to. */
  readonly additionalAddresses: readonly { readonly address: string; readonly port: number }[];
  /** false: it has no socket, and gets connections that were redirected to another listener and meant for its address. */
  readonly bound: boolean;
  /** Hands connections that were redirected here to the listener of their original destination, where there is one. */
  readonly handsOff: boolean;
  /** Whether a socket on `::` takes IPv4 too. */
  readonly dualStack: boolean;
  readonly backlog: number;
  /** All workers accept from one socket, instead of each from its own. */
  readonly oneSocket: boolean;
  /** A connection goes to the worker that has the fewest. */
  readonly exactBalance: boolean;
  readonly socketOptions: readonly TimedOption[];
  /** What looks at a connection before its chain is chosen, in order. */
  readonly listenerFilters: readonly ListenerFilterConfig[];
  /** Milliseconds they may take, 0 is no limit; Envoy's default 15 s. */
  readonly filtersTimeout: number;
  /** What a connection is after that: served by what is known, or closed. */
  readonly continueOnTimeout: boolean;
  /** Of all its connections, besides those of chains. */
  readonly accessLogs: readonly AccessLog[];
  /** Names the chain of a connection; null: each chain's `match` says whether it is its. */
  readonly chainMatcher: ChainMatcher | null;
  /** In the order of the resource; the most specific match wins (Envoy's rules), then `defaultChain`. */
  readonly chains: readonly FilterChainConfig[];
  readonly defaultChain: FilterChainConfig | null;
  /** Bytes a connection without HTTP may hold per direction; Envoy's default 1 MiB. */
  readonly bufferLimit: number;
  /** `filter_metadata` as plain JSON values. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly exempt: OverloadExemptions;
  /** Answers end their connections also while the proxy fails its health checks. */
  readonly drainsUnhealthy: boolean;
};

export type FilterChainConfig = {
  readonly name: string;
  /** Digest of the resource: a chain with the same one goes on when its listener is updated. '' is like no other. */
  readonly fingerprint: string;
  readonly match: ChainMatch;
  readonly tls: DownstreamTlsConfig | null;
  /** Milliseconds a client has to finish the handshake. */
  readonly handshakeTimeout: number;
  /** In the order a connection passes them. */
  readonly networkFilters: readonly NetworkFilter[];
  readonly network: { readonly kind: 'http'; readonly http: HttpConnectionConfig } | StreamConfig;
};

export type HttpConnectionConfig = HeadRules & {
  readonly statPrefix: string;
  readonly routes:
    | { readonly kind: 'inline'; readonly table: RouteTable }
    | { readonly kind: 'rds'; readonly name: string; readonly source: ConfigSource };
  readonly router: RouterOptions;
  /** Without the router, which is always last. */
  readonly filters: readonly HttpFilter[];
  readonly accessLogs: readonly AccessLog[];
  /** null: answers of our own stay as they are. */
  readonly localReplies: LocalReplies | null;
  /** Lines before the end of an exchange; milliseconds between them, 0 for none. null: only at its end. */
  readonly earlyLogs: { readonly onNewRequest: boolean; readonly interval: number } | null;
  /** null: nothing is traced, and trace headers pass as they are. */
  readonly tracing: TracingConfig | null;
  /** Bytes of a request head; Envoy's default 60 KiB. Over it: 431. */
  readonly maxHeadBytes: number;
  /** Envoy's default 100. Over it: 431. */
  readonly maxHeaders: number;
  /** Milliseconds, 0 is none. Connection without active requests; Envoy's default 1 h. */
  readonly idleTimeout: number;
  /** Milliseconds a client that is asked to go may still bring requests; Envoy's default 5 s. */
  readonly drainTimeout: number;
  /** Milliseconds a client may take to close after its last answer, 0 is none; Envoy's default 1 s. */
  readonly delayedCloseTimeout: number;
  /** Milliseconds, 0 is none. No byte of an active exchange; Envoy's default 5 min. Answer 408 or 504 (flag SI). */
  readonly streamIdleTimeout: number;
  /** Milliseconds a connection may live, 0 is for ever, and up to which part of it longer. */
  readonly maxConnectionDuration: number;
  readonly maxConnectionJitter: number;
  /** A connection of HTTP/1.1 whose time is over goes with its next answer, not on its own. */
  readonly safeMaxDuration: boolean;
  /** 0 is as many as come. */
  readonly maxRequestsPerConnection: number;
  /** Milliseconds for a whole exchange, 0 is none; a route may say otherwise. Answer 408 or 504. */
  readonly maxStreamDuration: number;
  /** Milliseconds for a whole request to arrive, 0 is none: 408. */
  readonly requestTimeout: number;
  /** Milliseconds for the head to arrive, 0 is none: 408. */
  readonly requestHeadersTimeout: number;
  readonly useRemoteAddress: boolean;
  readonly xffTrustedHops: number;
  readonly skipXffAppend: boolean;
  /** Clients at these addresses may use the control headers of the router; null: none may. */
  readonly isInternal: AddressTest | null;
  readonly generateRequestId: boolean;
  readonly preserveRequestId: boolean;
  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append-if-absent' | 'pass-through';
  /** What happens to x-forwarded-client-cert. */
  readonly forwardClientCert: {
    readonly mode: 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';
    readonly set: { readonly subject: boolean; readonly uri: boolean; readonly dns: boolean; readonly cert: boolean };
  };
  readonly acceptHttp10: boolean;
  /** What becomes of fields with underscores in their names. */
  readonly underscores: Underscores;
  /** HTTP/1.1: methods need not be known. */
  readonly anyMethod: boolean;
  /** That of requests of HTTP/1.0 which name none; '': they are refused. */
  readonly defaultHost: string;
  /** `auto`: by ALPN, else by the first bytes. */
  readonly codec: 'auto' | 'http1' | 'http2';
  /** Protocols a request may switch to, in lower case, `connect` for CONNECT; a route may say otherwise. */
  readonly upgrades: ReadonlyMap<string, boolean>;
  /** Without the router, which is that of `router`: what stands for `filters` where a request switches to one of these. */
  readonly upgradeFilters: ReadonlyMap<string, readonly HttpFilter[]>;
  readonly http1: Http1Options;
  readonly http2: Http2Options;
  readonly via: string;
};

export type ClusterConfig = {
  readonly name: string;
  /** `alt_stat_name`, else its name: what it is called in statistics and logs, as others may be, too. */
  readonly statName: string;
  readonly discovery:
    | { readonly kind: 'static'; readonly assignment: Assignment }
    | { readonly kind: 'eds'; readonly serviceName: string; readonly source: ConfigSource }
    /** Names of requests, as they come. */
    | {
        readonly kind: 'dynamic';
        readonly cache: DnsCacheConfig;
        /** TLS need not ask for, and check, the names that requests are for. */
        readonly insecure: boolean;
      }
    /** The priorities of other clusters, one after the other. */
    | { readonly kind: 'aggregate'; readonly clusters: readonly string[] }
    | {
        readonly kind: 'original-dst';
        /** Holds the destination, where the configuration says so; '' is none. */
        readonly header: string;
        /** 0 is the port of the destination. */
        readonly portOverride: number;
        /** Milliseconds between looks for endpoints that are not used any more. */
        readonly cleanup: number;
      }
    | {
        readonly kind: 'strict-dns' | 'logical-dns';
        readonly assignment: Assignment;
        /** Milliseconds between questions. */
        readonly refresh: number;
        /** After failures, with a random part; null is as `refresh`. */
        readonly failureRefresh: { readonly base: number; readonly max: number } | null;
        /** Answers say themselves when to ask again. */
        readonly respectTtl: boolean;
        readonly jitter: number;
        readonly family: 'auto' | 'v4' | 'v6' | 'v4-preferred' | 'all';
        /** Milliseconds that an answer holds at least, whatever it says. */
        readonly minimumRefresh: number;
        /** Who is asked; null: whom the whole proxy asks. */
        readonly resolver: DnsResolverConfig | null;
        /** The cluster is not used before its names were asked for (`wait_for_warm_on_init`). */
        readonly waits: boolean;
      };
  /** Milliseconds; Envoy's default 5,000. */
  readonly connectTimeout: number;
  readonly balancing: PolicyConfig;
  readonly localities: LocalityConfig;
  readonly subsets: SubsetConfig | null;
  /** Headers that may name endpoints, in lower case; [] for most clusters. */
  readonly overrideHeaders: readonly string[];
  /** What of the control plane's words an endpoint may bear that a session belongs to. */
  readonly overrideHealths: readonly EndpointHealth[];
  readonly tls: readonly TransportChoice[];
  /** Of every connection to an endpoint. */
  readonly socketOptions: readonly SocketOption[];
  readonly limits: Readonly<Record<RoutingPriority, Limits>>;
  readonly http: UpstreamHttpConfig;
  /** 0 is no limit. */
  readonly maxRequestsPerConnection: number;
  /** Milliseconds; Envoy's default 1 h. */
  readonly idleTimeout: number;
  readonly outlierDetection: OutlierConfig | null;
  readonly healthChecks: readonly HealthCheckConfig[];
  /** New endpoints count for nothing until they were checked. */
  readonly ignoreNewHosts: boolean;
  /** Endpoints that discovery forgets go at once, even when checks find them well. */
  readonly ignoreHealthOnRemoval: boolean;
  /** Where connections come from, one of each family; [] leaves it to the system. */
  readonly origins: readonly Origin[];
  /** In which the addresses of an endpoint that has several are tried. */
  readonly addressOrder: AddressOrder;
  /** Connections of a client share none with those of others. */
  readonly poolPerConnection: boolean;
  readonly closeOnHealthFailure: boolean;
  readonly closeOnSetChange: boolean;
  /** Percent; 0 is off. Envoy's default 50. */
  readonly panicThreshold: number;
  /** How large requests and answers are is recorded. */
  readonly tracksSizes: boolean;
  /** How much of their timeouts requests take is recorded. */
  readonly tracksBudgets: boolean;
  /** What happens at each endpoint is among the statistics. */
  readonly tracksEndpoints: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
};

export type UpstreamHttpConfig = {
  /** `alpn`: as the handshake says; `downstream`: as the request came. */
  readonly protocol: 'http1' | 'http2' | 'alpn' | 'downstream';
  readonly http1: Http1Options;
  readonly http2: Http2Options;
  readonly responseLimits: ResponseLimits;
  /** Milliseconds, 0 is no limit. */
  readonly maxConnectionDuration: number;
  /** Milliseconds for one try of a request, 0 is none. */
  readonly maxStreamDuration: number;
  /** `per_upstream_preconnect_ratio`; 1 connects nothing ahead. */
  readonly preconnectRatio: number;
  /** For endpoints that are spoken to with TLS. */
  readonly requestNames: RequestNames | null;
  /** What is done to the heads of each try; null: nothing. */
  readonly edits: HeadEdits | null;
};

/** `transport_socket_matches` in order, then `transport_socket`: the first whose `when` is in the endpoint's `envoy.transport_socket_match`. */
export type TransportChoice = {
  readonly name: string;
  readonly when: Readonly<Record<string, unknown>>;
  readonly tls: UpstreamTlsConfig | null;
  /** A PROXY header goes before everything else; null: none. */
  readonly proxyHeader: ProxyHeaderConfig | null;
};
