// Statistics on a stream to a metrics service (envoy.service.metrics.v3): a family of Prometheus' data model for each.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Histogram } from '../../lib/histogram.ts';
import { HistogramEmitMode } from '../../xds/gen/envoy/config/metrics/v3/metrics_service_pb.ts';
import {
  MetricsService,
  StreamMetricsMessageSchema,
} from '../../xds/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import {
  LabelPairSchema,
  type MetricFamilySchema,
  type MetricSchema,
  MetricType,
} from '../../xds/gen/io/prometheus/client/metrics_pb.ts';
import { BOUNDS, type BoundsOf } from '../admin/prometheus.ts';
import type { NameTagger } from '../admin/statistic-tags.ts';
import type { StatsSinkConfig } from '../bootstrap/stats-sinks.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { GrpcStream } from '../client/grpc-call.ts';
import type { Report, Sink } from './reporter.ts';

type Config = Extract<StatsSinkConfig, { kind: 'metrics-service' }>;
type Family = MessageInitShape<typeof MetricFamilySchema>;
type Stream = GrpcStream<typeof StreamMetricsMessageSchema>;
type Metric = MessageInitShape<typeof MetricSchema>;

/** Who the proxy is. */
type Node = { readonly id: string; readonly cluster: string };

const SHARES = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1];

export class MetricsServiceSink implements Sink {
  readonly needsIntervals = true;
  readonly #config: Config;
  readonly #client: Pick<ClusterClient, 'stream'>;
  readonly #node: Node;
  readonly #tagger: NameTagger;
  readonly #boundsOf: BoundsOf;
  #stream: Stream | null = null;

  constructor(
    config: Config,
    client: Pick<ClusterClient, 'stream'>,
    node: Node,
    tagger: NameTagger,
    boundsOf: BoundsOf,
  ) {
    this.#config = config;
    this.#client = client;
    this.#node = node;
    this.#tagger = tagger;
    this.#boundsOf = boundsOf;
  }

  send(report: Report): void {
    const families = this.#families(report);
    const batch = this.#config.batchSize || families.length;
    for (let at = 0; at < families.length; at += batch) this.#post(families.slice(at, at + batch));
  }

  close(): void {
    this.#stream?.close();
  }

  #post(envoyMetrics: Family[]): void {
    const first = this.#stream === null;
    const stream = this.#stream ?? this.#open();
    if (stream === null || stream.congested) return;
    const { id, cluster } = this.#node;
    const identifier = first ? { identifier: { node: { id, cluster } } } : {};
    stream.send(create(StreamMetricsMessageSchema, { ...identifier, envoyMetrics }));
  }

  /** null: it could not even be begun. One that is lost is opened anew with the next report. */
  #open(): Stream | null {
    let over = false;
    const stream = this.#client.stream(MetricsService.method.streamMetrics, this.#config.target, {
      onMessage() {
        // The service says nothing before the end.
      },
      onClosed: () => {
        over = true;
        this.#stream = null;
      },
    });
    this.#stream = over ? null : stream;
    return this.#stream;
  }

  #families({ counters, gauges, intervals, at }: Report): Family[] {
    const timestampMs = BigInt(at);
    const family = (name: string, type: MetricType, metric: Metric): Family => {
      const { name: short, tags } = this.#config.tagLabels ? this.#tagger(name) : { name, tags: [] };
      const label = tags.map(([tag, value]) => create(LabelPairSchema, { name: tag, value }));
      return { name: short, type, metric: [{ ...metric, label, timestampMs }] };
    };
    const { counterDeltas, emit } = this.#config;
    return [
      ...counters.map(({ name, value, delta }) =>
        family(name, MetricType.COUNTER, { counter: { value: counterDeltas ? delta : value } }),
      ),
      ...gauges.map(([name, value]) => family(name, MetricType.GAUGE, { gauge: { value } })),
      ...intervals.flatMap(([name, histogram]) => [
        ...(emit === HistogramEmitMode.HISTOGRAM ? [] : [family(name, MetricType.SUMMARY, summaryOf(histogram))]),
        ...(emit === HistogramEmitMode.SUMMARY
          ? []
          : [family(name, MetricType.HISTOGRAM, histogramOf(histogram, this.#boundsOf(name) ?? BOUNDS))]),
      ]),
    ];
  }
}

function summaryOf(histogram: Histogram): Metric {
  const values = histogram.quantiles(SHARES);
  const quantile = SHARES.map((share, i) => ({ quantile: share, value: values[i]! }));
  return { summary: { sampleCount: BigInt(histogram.count), sampleSum: histogram.sum, quantile } };
}

function histogramOf(histogram: Histogram, bounds: readonly number[]): Metric {
  const below = histogram.below(bounds);
  const bucket = bounds.map((upperBound, i) => ({ upperBound, cumulativeCount: BigInt(below[i]!) }));
  return { histogram: { sampleCount: BigInt(histogram.count), sampleSum: histogram.sum, bucket } };
}
