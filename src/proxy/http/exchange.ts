// What is known about one request while it passes through: filled by the codec, filters, router and pool, read by metrics and logs.

import type { Endpoint, EndpointOverride, SubsetCriteria } from '../balance/balancer.ts';
import type { Charges } from '../route/charges.ts';
import type { ClusterChoice, RouteEntry } from '../route/table.ts';
import type { HeaderMap } from './headers.ts';
import type { Protocol, RequestHead, ResponseHead } from './message.ts';
import type { StateObject } from './state-object.ts';
import type { WireBytes } from './wire-bytes.ts';
import type { Peer } from './workload.ts';

/** One accepted connection, shared by its exchanges. */
export type Downstream = {
  readonly id: number;
  /** The client as the connection shows it: the peer of the socket, or whom a PROXY header names. It stays when X-Forwarded-For names another. */
  readonly remote: SocketName;
  /** The peer of the socket. */
  readonly directRemote: SocketName;
  /** Where the client thinks it connected to: before a redirect, or in a PROXY header. */
  readonly local: SocketName;
  /** `local` is no address of this machine's socket: the connection was redirected, or a PROXY header says so. */
  readonly restored: boolean;
  readonly tls: PeerTls | null;
  /** What the ClientHello asked for, also where TLS is passed through; '' without. */
  readonly serverName: string;
  /** Of its ClientHello, where the TLS inspector takes them; null: none. */
  readonly fingerprints: ClientFingerprints | null;
  /** Of the client's PROXY header, those that may be passed on. */
  readonly proxyTlvs: readonly Tlv[];
  /** Notes of listener filters, for network filters and logs of connections: metadata of an exchange is its own. null: none. */
  readonly metadata: ReadonlyMap<string, unknown> | null;
  /** What network filters left for others: every exchange begins with it. null: nothing. */
  readonly filterState: ReadonlyMap<string, string> | null;
  /** Why its handshake failed, in Envoy's words; else ''. */
  readonly handshakeFailure: string;
  readonly listener: ListenerPlace;
};

/** '' for one that is not taken. */
export type ClientFingerprints = { readonly ja3: string; readonly ja4: string };

/** A further word in a PROXY header: its type (one byte) and value. */
export type Tlv = { readonly type: number; readonly value: Buffer };

/** Where a connection was accepted. */
export type ListenerPlace = {
  readonly name: string;
  /** Name of the filter chain. */
  readonly chain: string;
  /** Envoy's `traffic_direction`. */
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly metadata: Readonly<Record<string, unknown>>;
};

/** The connection an attempt is sent on. */
export type UpstreamConnection = {
  readonly protocol: Protocol;
  readonly local: SocketName;
  /** null on a plain connection. */
  readonly tls: UpstreamTls | null;
};

/** A TLS connection to an upstream; certificates are DER, null where none was shown. */
export type UpstreamTls = {
  readonly version: string;
  readonly cipher: string;
  readonly sni: string;
  readonly certificate: Buffer | null;
  readonly localCertificate: Buffer | null;
};

export type SocketName = { readonly address: string; readonly port: number };

/** The verified peer of a TLS connection. */
export type PeerTls = {
  /** `TLSv1.3` */
  readonly version: string;
  readonly cipher: string;
  readonly sni: string;
  readonly alpn: string;
  /** URI SANs of the peer's verified certificate; [] when it showed none. */
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly subject: string;
  /** Hex SHA-256 of the peer's certificate; '' without one. */
  readonly fingerprint: string;
  readonly localUriSans: readonly string[];
  /** DER of the peer's certificate; null without one. */
  readonly certificate: Buffer | null;
  /** DER of our own. */
  readonly localCertificate: Buffer | null;
};

/** How an attempt ended, for its span. */
export type AttemptEnd = {
  /** 0 without a response. */
  readonly status: number;
  readonly flags: number;
  /** Why it was reset, in Envoy's words; 'canceled': it was given up; null: neither. */
  readonly fault: string | null;
  /** A connection took it. */
  readonly sent: boolean;
};

/** The trace an exchange is part of. Times are monotonic milliseconds. */
export type ActiveSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** The request goes to `exchange.endpoint` next: it is told of the trace. */
  attempt(now: number): void;
  /** A copy of the request goes elsewhere: it is told of the trace, and whether it is recorded; null: where the request is. */
  copied(headers: HeaderMap, sampled: boolean | null): void;
  /** The attempt is over. */
  attempted(end: AttemptEnd, now: number): void;
  /** The response goes to the client next. */
  respond(headers: HeaderMap): void;
  finish(now: number): void;
};

/** Envoy's `%ACCESS_LOG_TYPE%`. */
export type LogType = 'DownstreamStart' | 'DownstreamPeriodic' | 'DownstreamEnd';

/** One request and its response. `flags` are bits of `flags.ts`. */
export class Exchange {
  readonly downstream: Downstream;
  readonly request: RequestHead;
  /** Milliseconds of the monotonic clock when the head was complete. */
  readonly started: number;
  /** Milliseconds since the epoch at the same moment. */
  readonly startedAt: number;
  route: RouteEntry | null = null;
  /** The route's choice of a cluster, once it was made. */
  choice: ClusterChoice | null = null;
  cluster = '';
  /** What it is called in statistics and logs; '' until it is known. */
  clusterStatName = '';
  /** Where it is counted beside its cluster; null: nowhere. */
  charges: Charges | null = null;
  /** `filter_metadata` of the cluster that was chosen. */
  clusterMetadata: Readonly<Record<string, unknown>> | null = null;
  /** What an inbound peer's proxy said of itself in `x-tulle-peer`; believed only where the certificate agrees. '' without it. */
  peer = '';
  /** What Istio's proxies said of themselves, where a filter asks; null: nothing. */
  downstreamPeer: Peer | null = null;
  upstreamPeer: Peer | null = null;
  endpoint: Endpoint | null = null;
  /** Endpoints of all attempts, in their order; null where there was one at most. */
  endpoints: Endpoint[] | null = null;
  /** Which endpoints of a cluster with subsets may be chosen: from the route's metadata match. */
  subset: SubsetCriteria | null = null;
  /** The endpoint that a filter wants for this request. */
  override: EndpointOverride | null = null;
  /** Protocols that a filter wants offered to the upstream in a TLS handshake; null: those configured. */
  upstreamAlpn: readonly string[] | null = null;
  response: ResponseHead | null = null;
  /** Of an answer that the proxy gives itself, as it was before anything rewrote it. */
  ownBody: string | Buffer | null = null;
  /** Trailers of the response; null when it had none. */
  trailers: HeaderMap | null = null;
  /** Of the last attempt that got a connection. */
  upstream: UpstreamConnection | null = null;
  /** Those of all attempts, in their order; null where there was one at most. */
  upstreams: UpstreamConnection[] | null = null;
  /** Envoy's `RESPONSE_CODE_DETAILS`, as in `via_upstream`, `route_not_found`, `rbac_access_denied_matched_policy[…]`. */
  details = '';
  /** Why the proxy ended the connection itself (`CONNECTION_TERMINATION_DETAILS`), else ''. */
  terminationDetails = '';
  flags = 0;
  attempts = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** Bytes on the client's connection, and on those of all attempts; null where nobody asks. */
  readonly downstreamWire: WireBytes | null;
  upstreamWire: WireBytes | null = null;
  // Monotonic milliseconds, 0 for what did not happen (yet).
  /** The request was complete. */
  requestEnded = 0;
  /** The request's head was handed to a connection. */
  upstreamSent = 0;
  /** The request was handed over to its end. */
  upstreamSentEnd = 0;
  /** The upstream's response head came. */
  upstreamStarted = 0;
  /** The upstream's response was complete. */
  upstreamEnded = 0;
  /** The response's head was sent. */
  responded = 0;
  /** Why the upstream connection failed, else ''. */
  upstreamFailure = '';
  /** The original client after X-Forwarded-For processing. */
  clientAddress: string;
  /** Path before a rewrite; null when it was not rewritten. */
  originalPath: string | null = null;
  /** Filters' notes: `rbac` shadow results and the like; made on first use. */
  metadata: Map<string, unknown> | null = null;
  /** Objects that filters leave for others, by name; made on first use. */
  filterState: Map<string, string> | null = null;
  /** Those of them that are more than a text. */
  stateObjects: Map<string, StateObject> | null = null;
  /** Those of them that hash policies may use. */
  hashableState: Set<string> | null = null;
  /** Values of Set-Cookie that bind the client to the endpoint that was chosen; null: none is due. */
  affinityCookies: string[] | null = null;
  /** A filter changed what routes are chosen by, and asks for another choice. */
  routeStale = false;
  /** Whether our own answers take the form of gRPC; null: as the request's content type says. */
  answersGrpc: boolean | null = null;

  /** What a log line is written for: more than the end only where the connection manager's access_log_options ask for it. */
  logType: LogType = 'DownstreamEnd';
  /** The request asks for the health of this proxy or the application behind it. */
  healthCheck = false;
  /** It was chosen for tracing. */
  traced = false;
  /** null where nothing is traced. */
  span: ActiveSpan | null = null;

  constructor(
    downstream: Downstream,
    request: RequestHead,
    started: number,
    startedAt: number,
    wire: WireBytes | null = null,
  ) {
    this.downstream = downstream;
    this.request = request;
    this.started = started;
    this.startedAt = startedAt;
    this.downstreamWire = wire;
    this.clientAddress = downstream.remote.address;
    if (downstream.filterState !== null) this.filterState = new Map(downstream.filterState);
  }

  /** Another attempt. */
  goesTo(endpoint: Endpoint): void {
    if (this.endpoint !== null) {
      this.endpoints ??= [this.endpoint];
      this.endpoints.push(endpoint);
    }
    this.endpoint = endpoint;
  }

  /** An attempt has got a connection. */
  goesOver(upstream: UpstreamConnection): void {
    if (this.upstream !== null) {
      this.upstreams ??= [this.upstream];
      this.upstreams.push(upstream);
    }
    this.upstream = upstream;
  }
}
