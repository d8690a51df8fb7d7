// The line between a cluster and its active health checks, which `proxy/health` implements.
import type { HealthCheckConfig } from '../config/health-check-types.ts';
import type { ResponseLimits } from '../http/response-limits.ts';
import type { Http1Options } from '../http1/options.ts';
import type { Http2Options } from '../http2/options.ts';
import type { Connector } from './connector.ts';
import type { Host } from './host.ts';
import type { HealthStats } from './stats.ts';

/** What checks need of the cluster they are for. */
export type HealthOwner = {
  readonly config: () => {
    readonly name: string;
    readonly checks: readonly HealthCheckConfig[];
    /** New endpoints are left out of every calculation until their first check. */
    readonly ignoreNewHosts: boolean;
    readonly http1: Http1Options;
    readonly http2: Http2Options;
    readonly responseLimits: ResponseLimits;
  };
  readonly stats: HealthStats;
  /** How a check with a transport of its own reaches an endpoint. */
  readonly transportFor: (
    host: Host,
    check: HealthCheckConfig,
  ) => { readonly connector: Connector; readonly secure: boolean };
  /** Whether it has ever connected to an endpoint. */
  readonly hasTraffic: () => boolean;
  readonly onResult: (host: Host, healthy: boolean, changed: boolean) => void;
};

export type HealthWatch = {
  add(host: Host): void;
  remove(host: Host): void;
  /** An answer of the endpoint said `x-envoy-immediate-health-check-fail`. */
  failNow(host: Host): void;
};
