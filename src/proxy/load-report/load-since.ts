// The load of one cluster between two readings of its counters → what a report says of it, as Envoy says it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ClusterStatsSchema,
  UpstreamEndpointStatsSchema,
  UpstreamLocalityStatsSchema,
} from '../../xds/gen/envoy/config/endpoint/v3/load_report_pb.ts';
import type { HostView } from '../admin/cluster-status.ts';
import type { Statistic } from '../admin/statistics.ts';
import { localityFields } from '../config/locality.ts';

/** What was counted, by endpoint and of the cluster. */
export type Counted = {
  readonly hosts: ReadonlyMap<string, Pick<HostView['stats'], 'rq_success' | 'rq_error' | 'rq_total'>>;
  readonly drops: Drops;
};

/** Requests that were never sent. */
export type Drops = {
  readonly all: number;
  /** Of these, those that `drop_overloads` asked for. */
  readonly asked: number;
};

export type Reading = {
  readonly hosts: readonly HostView[];
  readonly drops: Drops;
  /** Of `drop_overloads`. */
  readonly category: string;
};

const OVERFLOW = /^cluster\.(.+)\.upstream_rq_(pending_overflow|drop_overload)$/;

/** By the name that statistics have of a cluster. */
export function dropsOf(statistics: Iterable<Statistic>): ReadonlyMap<string, Drops> {
  const drops = new Map<string, Drops>();
  for (const [name, value] of statistics) {
    const [, cluster, cause] = OVERFLOW.exec(name) ?? [];
    if (cluster === undefined) continue;
    const { all, asked } = drops.get(cluster) ?? NOTHING.drops;
    drops.set(cluster, { all: all + value, asked: cause === 'drop_overload' ? value : asked });
  }
  return drops;
}

export const NOTHING: Counted = { hosts: new Map(), drops: { all: 0, asked: 0 } };

export function countedOf({ hosts, drops }: Reading): Counted {
  return { hosts: new Map(hosts.map(({ name, stats }) => [name, { ...stats }])), drops };
}

/** What `now` has beyond `before`, without the names of the cluster. Localities and endpoints without requests are left out. */
export function loadSince(
  now: Reading,
  before: Counted,
  withEndpoints: boolean,
): Omit<MessageInitShape<typeof ClusterStatsSchema>, '$typeName'> {
  const groups = Map.groupBy(now.hosts, ({ priority, locality }) => `${priority} ${locality}`);
  const localities = [...groups.values()].map((hosts) => localityLoad(hosts, before, withEndpoints));
  const drops = { all: grown(now.drops.all, before.drops.all), asked: grown(now.drops.asked, before.drops.asked) };
  return {
    upstreamLocalityStats: localities.filter(isBusy),
    totalDroppedRequests: BigInt(drops.all),
    droppedRequests: drops.asked === 0 ? [] : [{ category: now.category, droppedCount: BigInt(drops.asked) }],
  };
}

type Load = {
  readonly totalSuccessfulRequests: bigint;
  readonly totalRequestsInProgress: bigint;
  readonly totalErrorRequests: bigint;
  readonly totalIssuedRequests: bigint;
};

function localityLoad(hosts: readonly HostView[], before: Counted, withEndpoints: boolean) {
  const loads = hosts.map((host) => hostLoad(host, before));
  const { locality, priority } = hosts[0]!;
  const endpoints = withEndpoints ? hosts.map((host, i) => endpointLoad(host, loads[i]!)).filter(isBusy) : [];
  return {
    locality: localityFields(locality),
    priority,
    ...sum(loads),
    upstreamEndpointStats: endpoints,
  } satisfies Omit<MessageInitShape<typeof UpstreamLocalityStatsSchema>, '$typeName'>;
}

function endpointLoad({ address, port }: HostView, load: Load) {
  const socketAddress = { address, portSpecifier: { case: 'portValue' as const, value: port } };
  return {
    address: { address: { case: 'socketAddress' as const, value: socketAddress } },
    ...load,
  } satisfies Omit<MessageInitShape<typeof UpstreamEndpointStatsSchema>, '$typeName'>;
}

function hostLoad({ name, stats, activeRequests }: HostView, { hosts }: Counted): Load {
  const known = hosts.get(name);
  return {
    totalSuccessfulRequests: BigInt(grown(stats.rq_success, known?.rq_success)),
    totalRequestsInProgress: BigInt(activeRequests),
    totalErrorRequests: BigInt(grown(stats.rq_error, known?.rq_error)),
    totalIssuedRequests: BigInt(grown(stats.rq_total, known?.rq_total)),
  };
}

/** A counter that is smaller than it was began anew. */
function grown(now: number, before = 0): number {
  return now < before ? now : now - before;
}

function sum(loads: readonly Load[]): Load {
  const of = (name: keyof Load): bigint => loads.reduce((all, load) => all + load[name], 0n);
  return {
    totalSuccessfulRequests: of('totalSuccessfulRequests'),
    totalRequestsInProgress: of('totalRequestsInProgress'),
    totalErrorRequests: of('totalErrorRequests'),
    totalIssuedRequests: of('totalIssuedRequests'),
  };
}

function isBusy(load: Load): boolean {
  return (
    load.totalSuccessfulRequests + load.totalRequestsInProgress + load.totalErrorRequests + load.totalIssuedRequests >
    0n
  );
}
