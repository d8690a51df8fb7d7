// The stream to a load reporting service (envoy.service.load_stats.v3): it opens with who we are, and reports once the service has said of which
// clusters, at its interval. A stream that is lost is opened anew, and begins with nothing asked.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Backoff } from '../../xds/backoff.ts';
import type { Node } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  LoadReportingService,
  LoadStatsRequestSchema,
  type LoadStatsResponse,
  type LoadStatsRequestSchema as Request,
} from '../../xds/gen/envoy/service/load_stats/v3/lrs_pb.ts';
import type { ClusterView } from '../admin/cluster-status.ts';
import type { Statistic } from '../admin/statistics.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { GrpcStream } from '../client/grpc-call.ts';
import type { GrpcTarget } from '../client/grpc-stream.ts';
import { millis } from '../config/values.ts';
import { type Counted, countedOf, dropsOf, loadSince, NOTHING, type Reading } from './load-since.ts';

type LoadSource = {
  /** Brings the figures up to date; null where they always are. */
  collect(): Promise<void> | null;
  clusters(): readonly ClusterView[];
  statistics(): Iterable<Statistic>;
  /** That `drop_overloads` of the cluster names; '' for none. */
  dropCategory(config: ClusterView['config']): string;
};

export type LoadReporterOptions = {
  readonly client: Pick<ClusterClient, 'stream'>;
  readonly target: GrpcTarget;
  readonly node: Node;
  readonly source: LoadSource;
  readonly backoff: Backoff;
  readonly clock: Clock;
  readonly log: Log;
};

type Tracked = { readonly counted: Counted; readonly since: number };

/** The service may ask for every cluster there is. */
const FEATURE = 'envoy.lrs.supports_send_all_clusters';

export class LoadReporter {
  readonly #options: LoadReporterOptions;
  readonly #node: Node;
  #stream: GrpcStream<typeof Request> | null = null;
  #asked: LoadStatsResponse | null = null;
  /** By cluster: as it was told last. */
  #tracked = new Map<string, Tracked>();
  #cancelTimer: () => void = () => undefined;
  #closed = false;

  constructor(options: LoadReporterOptions) {
    this.#options = options;
    this.#node = { ...options.node, clientFeatures: [...options.node.clientFeatures, FEATURE] };
  }

  start(): void {
    if (!this.#closed) this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#stream?.cancel();
  }

  #open(): void {
    const { client, target } = this.#options;
    let over = false;
    const stream = client.stream(LoadReportingService.method.streamLoadStats, target, {
      onMessage: (response) => void this.#begin(response),
      onClosed: ({ message }) => {
        over = true;
        this.#lost(message);
      },
    });
    if (over) return;
    this.#stream = stream;
    this.#send([]);
  }

  #lost(reason: string): void {
    const { backoff, clock, log, target } = this.#options;
    log.warn({ cluster: target.cluster, reason }, 'load reports: stream lost');
    this.#stream = null;
    this.#asked = null;
    this.#tracked.clear();
    this.#cancelTimer();
    this.#cancelTimer = clock.after(backoff.next(), () => this.#open());
  }

  /** What was counted before is nobody's business. */
  async #begin(response: LoadStatsResponse): Promise<void> {
    this.#options.backoff.reset();
    this.#asked = response;
    this.#wait(response);
    await this.#options.source.collect();
    if (this.#asked !== response) return;
    const since = this.#options.clock.now();
    this.#tracked = new Map(
      this.#readings(response).map(([{ config }, reading]) => [
        config.name,
        this.#tracked.get(config.name) ?? { counted: countedOf(reading), since },
      ]),
    );
  }

  #wait(response: LoadStatsResponse): void {
    const interval = Math.max(1, millis(response.loadReportingInterval, 0, 'load_reporting_interval'));
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(interval, () => void this.#report(response));
  }

  async #report(response: LoadStatsResponse): Promise<void> {
    await this.#options.source.collect();
    if (this.#asked !== response) return;
    const now = this.#options.clock.now();
    const report = this.#readings(response).map(([cluster, reading]) => {
      const { counted, since } = this.#tracked.get(cluster.config.name) ?? { counted: NOTHING, since: now };
      this.#tracked.set(cluster.config.name, { counted: countedOf(reading), since: now });
      return {
        ...namesOf(cluster),
        ...loadSince(reading, counted, response.reportEndpointGranularity),
        loadReportInterval: durationFromMs(Math.round(now - since)),
      };
    });
    this.#send(report);
    this.#wait(response);
  }

  #readings({ clusters, sendAllClusters }: LoadStatsResponse): (readonly [ClusterView, Reading])[] {
    const { source } = this.#options;
    const wanted = source.clusters().filter(({ config }) => sendAllClusters || clusters.includes(config.name));
    const drops = dropsOf(source.statistics());
    return wanted.map((cluster) => {
      const dropped = drops.get(cluster.config.statName) ?? NOTHING.drops;
      const category = dropped.asked === 0 ? '' : source.dropCategory(cluster.config);
      return [cluster, { hosts: cluster.hosts, drops: dropped, category }];
    });
  }

  #send(clusterStats: NonNullable<Parameters<typeof create<typeof LoadStatsRequestSchema>>[1]>['clusterStats']): void {
    const request = create(LoadStatsRequestSchema, { node: this.#node, ...(clusterStats && { clusterStats }) });
    this.#stream?.send(request);
  }
}

function namesOf({ config: { name, discovery } }: ClusterView) {
  return {
    clusterName: name,
    clusterServiceName: discovery.kind === 'eds' && discovery.serviceName !== name ? discovery.serviceName : '',
  };
}
