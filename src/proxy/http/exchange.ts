// What is known about one request while it passes through: filled by the codec, filters, router and pool, read by metrics and logs.
import type { Endpoint, EndpointOverride, SubsetCriteria } from '../balance/balancer.ts';
import type { RouteEntry } from '../route/table.ts';
import type { RequestHead, ResponseHead } from './message.ts';

/** One accepted connection, shared by its exchanges. */
export type Downstream = {
  readonly id: number;
  /** The peer of the socket, `127.0.0.1:40000`; `direct` stays when X-Forwarded-For names another client. */
  readonly directRemote: SocketName;
  readonly local: SocketName;
  readonly tls: PeerTls | null;
};

type SocketName = { readonly address: string; readonly port: number };

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
};

/** One request and its response. `flags` are bits of `flags.ts`. */
export class Exchange {
  readonly downstream: Downstream;
  readonly request: RequestHead;
  /** Milliseconds of the monotonic clock when the head was complete. */
  readonly started: number;
  /** Milliseconds since the epoch at the same moment. */
  readonly startedAt: number;
  route: RouteEntry | null = null;
  cluster = '';
  /** `filter_metadata` of the cluster that was chosen. */
  clusterMetadata: Readonly<Record<string, unknown>> | null = null;
  /** What an inbound peer's proxy said of itself in `x-tulle-peer`; believed only where the certificate agrees. '' without it. */
  peer = '';
  endpoint: Endpoint | null = null;
  /** Which endpoints of a cluster with subsets may be chosen: from the route's metadata match. */
  subset: SubsetCriteria | null = null;
  /** The endpoint that a filter wants for this request. */
  override: EndpointOverride | null = null;
  response: ResponseHead | null = null;
  /** Envoy's `RESPONSE_CODE_DETAILS`, as in `via_upstream`, `route_not_found`, `rbac_access_denied_matched_policy[…]`. */
  details = '';
  flags = 0;
  attempts = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** Monotonic, when the upstream's response head came; 0 before. */
  upstreamStarted = 0;
  /** Why the upstream connection failed, else ''. */
  upstreamFailure = '';
  /** The original client after X-Forwarded-For processing. */
  clientAddress: string;
  /** Path before a rewrite; null when it was not rewritten. */
  originalPath: string | null = null;
  /** Filters' notes: `rbac` shadow results and the like; made on first use. */
  metadata: Map<string, unknown> | null = null;

  constructor(downstream: Downstream, request: RequestHead, started: number, startedAt: number) {
    this.downstream = downstream;
    this.request = request;
    this.started = started;
    this.startedAt = startedAt;
    this.clientAddress = downstream.directRemote.address;
  }
}
