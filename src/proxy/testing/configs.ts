// Configurations as the decoder makes them of an empty resource: a test names only what it is about.

import { ANY_ENDPOINT } from '../cluster/defaults.ts';
import { anyOrder } from '../config/address-order.ts';
import type { EndpointConfig, Limits, OutlierConfig } from '../config/cluster-types.ts';
import { plainAssignment } from '../config/endpoints.ts';
import type { HealthCheckConfig, ProbeConfig } from '../config/health-check-types.ts';
import type { ChainMatch } from '../config/listener-types.ts';
import type { DownstreamTlsConfig, SecretRef, UpstreamTlsConfig, ValidationConfig } from '../config/tls-types.ts';
import { noChecks } from '../config/tls-validation.ts';
import type { ClusterConfig, FilterChainConfig, HttpConnectionConfig, ListenerConfig } from '../config/types.ts';
import { noRouteLimits } from '../filter/rate-limit/route-limits.ts';
import { defaultResponseLimits } from '../http/response-limits.ts';
import { defaultHttp1Options } from '../http1/options.ts';
import { defaultHttp2Options } from '../http2/options.ts';
import { noExemptions } from '../overload/listener-overload.ts';
import type { ForwardAction, RouteAction, RouteEntry, RouteTable } from '../route/table.ts';

export function endpoint(port: number, change: Partial<EndpointConfig> = {}): EndpointConfig {
  return { ...ANY_ENDPOINT, address: '127.0.0.1', port, ...change };
}

export function cluster(name: string, ports: readonly number[], change: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    name,
    statName: name,
    discovery: { kind: 'static', assignment: plainAssignment(ports.map((port) => endpoint(port))) },
    connectTimeout: 5_000,
    balancing: { kind: 'round-robin', slowStart: null },
    localities: { kind: 'zone-aware', minClusterSize: 6, routedPercent: 100, failOnPanic: false, forceDirect: false },
    subsets: null,
    overrideHeaders: [],
    overrideHealths: ['unknown', 'healthy', 'degraded'],
    tls: [],
    http: {
      protocol: 'http1',
      http1: defaultHttp1Options,
      http2: defaultHttp2Options,
      responseLimits: defaultResponseLimits,
      maxConnectionDuration: 0,
      maxStreamDuration: 0,
      preconnectRatio: 1,
      requestNames: null,
      edits: null,
    },
    limits: { default: limits(), high: limits() },
    maxRequestsPerConnection: 0,
    idleTimeout: 3_600_000,
    outlierDetection: null,
    healthChecks: [],
    ignoreNewHosts: false,
    ignoreHealthOnRemoval: false,
    origins: [],
    addressOrder: anyOrder,
    socketOptions: [],
    poolPerConnection: false,
    closeOnHealthFailure: false,
    closeOnSetChange: false,
    panicThreshold: 50,
    tracksSizes: false,
    tracksBudgets: false,
    tracksEndpoints: false,
    metadata: {},
    ...change,
  };
}

export function limits(change: Partial<Limits> = {}): Limits {
  return {
    maxConnections: 1024,
    maxPendingRequests: 1024,
    maxRequests: 1024,
    maxRetries: 3,
    retryBudget: null,
    trackRemaining: false,
    maxConnectionsPerHost: Number.POSITIVE_INFINITY,
    ...change,
  };
}

export function outlierDetection(change: Partial<OutlierConfig> = {}): OutlierConfig {
  const never = { count: 5, enforcing: 0 };
  return {
    interval: 10_000,
    baseEjection: 30_000,
    maxEjection: 300_000,
    maxEjectionJitter: 0,
    maxEjectionPercent: 10,
    alwaysEjectOne: false,
    splitLocalOrigin: false,
    unejectOnCheck: true,
    consecutive5xx: { count: 5, enforcing: 100 },
    consecutiveGatewayFailure: never,
    consecutiveLocalOriginFailure: { count: 5, enforcing: 100 },
    successRate: { minimumHosts: 5, requestVolume: 100, stdevFactor: 1900, enforcing: 100, enforcingLocalOrigin: 100 },
    failurePercentage: { minimumHosts: 5, requestVolume: 50, threshold: 85, enforcing: 0, enforcingLocalOrigin: 0 },
    accrual: null,
    ...change,
  };
}

/** Asks every `interval` milliseconds, whatever the last answer was. */
/** A request of /health that 200 answers well. */
export const httpProbe: Extract<ProbeConfig, { kind: 'http' }> = {
  kind: 'http',
  protocol: 'http1',
  host: '',
  path: '/health',
  method: 'GET',
  addHeaders: [],
  removeHeaders: [],
  receive: [],
  responseBufferSize: 1024,
  expected: [{ start: 200, end: 201 }],
  retriable: [],
  service: null,
};

export function healthCheck(
  probe: ProbeConfig,
  interval: number,
  change: Partial<HealthCheckConfig> = {},
): HealthCheckConfig {
  return {
    timeout: 5_000,
    interval,
    initialJitter: 0,
    intervalJitter: 0,
    intervalJitterPercent: 0,
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    altPort: 0,
    reuseConnection: true,
    labels: null,
    alpn: [],
    noTrafficInterval: interval,
    noTrafficHealthyInterval: interval,
    unhealthyInterval: interval,
    unhealthyEdgeInterval: interval,
    healthyEdgeInterval: interval,
    events: null,
    probe,
    ...change,
  };
}

export function forward(name: string, change: Partial<ForwardAction> = {}): ForwardAction {
  return {
    kind: 'forward',
    priority: 'default',
    pickCluster: () => ({ cluster: name, subset: null, filters: null, editRequest: nothing, editResponse: nothing }),
    picksEarly: false,
    rewrite: nothing,
    timeout: 15_000,
    rewriteForHost: null,
    perTryTimeout: 0,
    perTryIdleTimeout: 0,
    streamDuration: null,
    hedge: false,
    idleTimeout: null,
    grpcTimeout: null,
    maxDuration: null,
    retry: null,
    mirrors: [],
    internalRedirect: null,
    bufferLimit: null,
    attemptHeaders: null,
    hash: null,
    upgrades: new Map(),
    tunnel: null,
    clusterNotFoundStatus: 503,
    ...change,
  };
}

export function route(action: RouteAction, change: Partial<RouteEntry> = {}): RouteEntry {
  return {
    name: 'route',
    virtualHost: 'test',
    hostMetadata: {},
    action,
    editRequest: nothing,
    editResponse: nothing,
    filters: new Map(),
    rateLimits: noRouteLimits,
    metadata: {},
    charge: null,
    decorator: null,
    tracing: null,
    ...change,
  };
}

/** By path prefix, first match wins. */
export function routeTable(name: string, prefixes: Readonly<Record<string, RouteEntry>>): RouteTable {
  const entries = Object.entries(prefixes);
  return {
    name,
    match: ({ path }) => entries.find(([prefix]) => path.startsWith(prefix))?.[1] ?? null,
    hideInternal: null,
    neededClusters: [],
    hostSource: null,
  };
}

export function http(table: RouteTable, change: Partial<HttpConnectionConfig> = {}): HttpConnectionConfig {
  return {
    statPrefix: 'test',
    routes: { kind: 'inline', table },
    router: {
      respectExpectedTimeout: false,
      suppressHeaders: false,
      strictHeaders: [],
      dynamicStats: true,
      grpcCodes: true,
    },
    filters: [],
    accessLogs: [],
    tracing: null,
    localReplies: null,
    earlyLogs: null,
    maxHeadBytes: 61_440,
    maxHeaders: 100,
    idleTimeout: 3_600_000,
    drainTimeout: 5_000,
    delayedCloseTimeout: 1_000,
    safeMaxDuration: false,
    streamIdleTimeout: 300_000,
    maxConnectionDuration: 0,
    maxConnectionJitter: 0,
    maxRequestsPerConnection: 0,
    maxStreamDuration: 0,
    requestTimeout: 0,
    requestHeadersTimeout: 0,
    useRemoteAddress: false,
    xffTrustedHops: 0,
    skipXffAppend: false,
    isInternal: null,
    generateRequestId: true,
    preserveRequestId: false,
    serverName: 'envoy',
    serverHeader: 'overwrite',
    forwardClientCert: { mode: 'sanitize', set: { subject: false, uri: false, dns: false, cert: false } },
    normalizePath: false,
    mergeSlashes: false,
    escapedSlashes: 'keep',
    normalizeHost: null,
    detectors: null,
    mutateEarly: null,
    editHead: null,
    answersRequestId: false,
    tellsOverload: false,
    outlivesBadRequests: false,
    proxies100Continue: false,
    underscores: 'allow',
    anyMethod: false,
    defaultHost: '',
    acceptHttp10: false,
    codec: 'auto',
    upgradeFilters: new Map(),
    upgrades: new Map(),
    http1: defaultHttp1Options,
    http2: defaultHttp2Options,
    via: '',
    ...change,
  };
}

export function chain(config: HttpConnectionConfig, change: Partial<FilterChainConfig> = {}): FilterChainConfig {
  return {
    name: 'chain',
    fingerprint: '',
    handshakeTimeout: 15_000,
    match: chainMatch(),
    tls: null,
    networkFilters: [],
    network: { kind: 'http', http: config },
    ...change,
  };
}

export function chainMatch(change: Partial<ChainMatch> = {}): ChainMatch {
  return {
    destinationPort: null,
    destinationRanges: [],
    serverNames: [],
    transport: '',
    applicationProtocols: [],
    directSourceRanges: [],
    sourceType: 'any',
    sourceRanges: [],
    sourcePorts: [],
    ...change,
  };
}

const tlsParams = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: '',
  curves: '',
  signatureAlgorithms: '',
  keyLog: null,
} as const;

export function downstreamTls(certificate: SecretRef, change: Partial<DownstreamTlsConfig> = {}): DownstreamTlsConfig {
  return {
    clientChoosesCipher: false,
    suitsUnknownNames: false,
    stapling: 'lenient',
    ...tlsParams,
    certificates: [certificate],
    validation: null,
    requireClientCertificate: false,
    requiresServerName: false,
    alpn: [],
    sessions: { tickets: true, ticketKeys: null, timeout: 0 },
    ...change,
  };
}

export function upstreamTls(certificate: SecretRef | null, change: Partial<UpstreamTlsConfig> = {}): UpstreamTlsConfig {
  return {
    ...tlsParams,
    certificate,
    validation: null,
    sni: '',
    sniFromHost: false,
    verifiesSni: false,
    requestNames: null,
    alpn: [],
    mostSessions: 1_000,
    ...change,
  };
}

export function validation(trust: SecretRef, change: Partial<ValidationConfig> = {}): ValidationConfig {
  return {
    trust,
    ...noChecks,
    ...change,
  };
}

export const tlsInspector = {
  kind: 'tls-inspector',
  fingerprints: null,
  longestHello: 16_384,
  closesOthers: false,
  disabled: null,
} as const;

export function listener(chains: readonly FilterChainConfig[], change: Partial<ListenerConfig> = {}): ListenerConfig {
  return {
    name: 'listener',
    statPrefix: '',
    address: '127.0.0.1',
    port: 0,
    direction: 'outbound',
    additionalAddresses: [],
    bound: true,
    handsOff: false,
    dualStack: false,
    socketOptions: [],
    backlog: 128,
    oneSocket: false,
    exactBalance: false,
    listenerFilters: [],
    filtersTimeout: 15_000,
    continueOnTimeout: false,
    accessLogs: [],
    chainMatcher: null,
    chains,
    defaultChain: null,
    bufferLimit: 1_048_576,
    metadata: {},
    exempt: noExemptions,
    drainsUnhealthy: true,
    ...change,
  };
}

function nothing(): void {
  // No header operations.
}
