// Active health checks: what an endpoint is asked, how often, and what the answers mean. Times are milliseconds.

export type HealthCheckConfig = {
  readonly timeout: number;
  readonly interval: number;
  readonly initialJitter: number;
  readonly intervalJitter: number;
  readonly intervalJitterPercent: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** 0: the endpoint's own. */
  readonly altPort: number;
  readonly reuseConnection: boolean;
  /** What the transport is chosen by, in place of the endpoint's labels; null: these. */
  readonly labels: Readonly<Record<string, unknown>> | null;
  /** Protocols of the handshake; [] is as for requests. */
  readonly alpn: readonly string[];
  readonly noTrafficInterval: number;
  readonly noTrafficHealthyInterval: number;
  readonly unhealthyInterval: number;
  readonly unhealthyEdgeInterval: number;
  readonly healthyEdgeInterval: number;
  /** null: what happens is told nowhere. */
  readonly events: HealthEventsConfig | null;
  readonly probe: ProbeConfig;
};

/** Into which files, and whether also every failure, and every success, that changes nothing. */
export type HealthEventsConfig = {
  readonly paths: readonly string[];
  readonly failures: boolean;
  readonly successes: boolean;
};

export type ProbeConfig =
  | {
      readonly kind: 'http';
      readonly protocol: 'http1' | 'http2';
      /** '' is the endpoint's, then the cluster's name. */
      readonly host: string;
      readonly path: string;
      readonly method: string;
      readonly addHeaders: readonly CheckHeader[];
      readonly removeHeaders: readonly string[];
      /** Bytes that the body must hold in this order. */
      readonly receive: readonly Buffer[];
      readonly responseBufferSize: number;
      /** Half-open ranges. */
      readonly expected: readonly StatusRange[];
      readonly retriable: readonly StatusRange[];
      /** Of the header `x-envoy-upstream-healthchecked-cluster`. */
      readonly service: ((name: string) => boolean) | null;
    }
  /** Without anything to receive, a connection is enough. */
  | { readonly kind: 'tcp'; readonly send: Buffer; readonly receive: readonly Buffer[] }
  | {
      readonly kind: 'grpc';
      readonly service: string;
      readonly authority: string;
      readonly addHeaders: readonly CheckHeader[];
    };

/** `append`: beside what the request has of that name, else in its place. */
export type CheckHeader = { readonly name: string; readonly value: string; readonly append: boolean };

export type StatusRange = { readonly start: number; readonly end: number };
