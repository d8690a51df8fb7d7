// What is counted beside the cluster's statistics: of a route's own (`vhost.<host>.route.<stat_prefix>`) and of virtual clusters
// (`vhost.<host>.vcluster.<name>`), requests of one kind wherever their routes lead.
import { Histogram } from '../../lib/histogram.ts';
import type { Route, VirtualHost } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { FilterScope } from '../filter/filter.ts';
import type { RequestHead } from '../http/message.ts';
import { ResponseCounts } from '../http/response-counts.ts';
import { compileHeader } from './match/header-matcher.ts';

class RequestStats extends ResponseCounts {
  /** Milliseconds from the complete request to the complete response. */
  readonly upstream_rq_time = new Histogram();
  upstream_rq_total = 0;
  upstream_rq_timeout = 0;
  upstream_rq_retry = 0;
  upstream_rq_retry_success = 0;
  upstream_rq_retry_limit_exceeded = 0;
  upstream_rq_retry_overflow = 0;
}

/** The objects one request is counted in. */
export class Charges {
  /** '' without one. */
  readonly virtualCluster: string;
  readonly #all: readonly RequestStats[];

  constructor(virtualCluster: string, all: readonly RequestStats[]) {
    this.virtualCluster = virtualCluster;
    this.#all = all;
  }

  count(what: 'total' | 'timeout' | 'retry' | 'retry_success' | 'retry_limit_exceeded' | 'retry_overflow'): void {
    for (const stats of this.#all) stats[`upstream_rq_${what}`] += 1;
  }

  countResponse(status: number): void {
    for (const stats of this.#all) stats.countResponse(status);
  }

  /** Milliseconds. */
  took(time: number): void {
    for (const stats of this.#all) stats.upstream_rq_time.record(time);
  }
}

/** `stats` is where counters are kept by name. */
export type ChargeRequest = (request: RequestHead, stats: FilterScope['stats']) => Charges;

/** The name of a request's virtual cluster. */
export type VirtualClusters = (request: RequestHead) => string;

/** What belongs to no virtual cluster of a host that has some. */
const OTHER = 'other';

/** null: the virtual host has none. */
export function compileVirtualClusters({ virtualClusters }: VirtualHost, path: string): VirtualClusters | null {
  if (virtualClusters.length === 0) return null;
  const tests = mapAt(virtualClusters, path, ({ name, headers }, here) => {
    if (name === '') throw new ConfigError(at(here, 'name'), 'is empty');
    if (headers.length === 0) throw new ConfigError(at(here, 'headers'), 'is empty');
    const all = mapAt(headers, at(here, 'headers'), compileHeader);
    return { name, matches: (request: RequestHead) => all.every((test) => test(request)) };
  });
  return (request) => tests.find(({ matches }) => matches(request))?.name ?? OTHER;
}

/** null: the cluster's statistics are all there are. */
export function compileCharges(
  { statPrefix }: Route,
  virtualHost: string,
  virtualClusters: VirtualClusters | null,
): ChargeRequest | null {
  const route = `vhost.${virtualHost}.route.${statPrefix}`;
  const make = () => new RequestStats();
  if (virtualClusters === null)
    return statPrefix === '' ? null : (_request, stats) => new Charges('', [stats(route, make)]);
  return (request, stats) => {
    const name = virtualClusters(request);
    const own = stats(`vhost.${virtualHost}.vcluster.${name}`, make);
    return new Charges(name, statPrefix === '' ? [own] : [own, stats(route, make)]);
  };
}
