// What the network filters of a filter chain compile to: filters that let a connection in or not, and the one that serves it.
import type { SubsetCriteria } from '../balance/balancer.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { AccessLog } from '../log/access-log.ts';
import type { ConfigSource } from './config-source.ts';

/** Serves the connections of a chain without HTTP. */
export type StreamConfig =
  | { readonly kind: 'tcp'; readonly tcp: TcpProxyConfig }
  | { readonly kind: 'echo' }
  | { readonly kind: 'respond'; readonly body: Buffer };

export type TunnelConfig = {
  /** The authority that is asked for. */
  hostOf(record: Exchange): string;
  /** POST to this path; null: CONNECT. */
  readonly postPath: string | null;
  addHeaders(headers: HeaderMap, record: Exchange): void;
  /** What of the answer stays with the connection, for logs. */
  readonly keepsHeaders: boolean;
  readonly keepsTrailers: boolean;
};

export type TcpProxyConfig = {
  readonly statPrefix: string;
  /** Picked by weight, once per connection. A filter may have named another (`envoy.tcp_proxy.cluster`). */
  readonly clusters: readonly {
    readonly name: string;
    readonly weight: number;
    readonly subset: SubsetCriteria | null;
  }[];
  readonly totalWeight: number;
  /** Milliseconds without a byte either way, 0 is none; Envoy's default 1 h. */
  readonly idleTimeout: number;
  /** Milliseconds, 0 is none. */
  readonly maxDuration: number;
  /** Up to this share of it is added to each connection's. */
  readonly maxDurationJitter: number;
  /** Envoy's default 1. */
  readonly maxConnectAttempts: number;
  /** Balancers that hash go by the client's address. */
  readonly hashSourceIp: boolean;
  /** A cluster that is not there is asked for, which may take `timeout` milliseconds; null: it is not. */
  readonly onDemand: { readonly source: ConfigSource; readonly timeout: number } | null;
  /** Connections go over HTTP; null: as they are. */
  readonly tunnel: TunnelConfig | null;
  readonly accessLogs: readonly AccessLog[];
  /** Called when the upstream is connected, or in the end without one; the result is called when the client's side is closed. null: nobody asks. */
  readonly onOpened: ((record: Exchange) => () => void) | null;
  /** Logs also when the upstream is connected. */
  readonly logOnConnected: boolean;
};
