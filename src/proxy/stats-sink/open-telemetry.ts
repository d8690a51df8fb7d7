// Statistics as OTLP metrics over gRPC: ExportMetricsServiceRequest (opentelemetry/proto/metrics/v1/metrics.proto), written field by field.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { BOUNDS, type BoundsOf } from '../admin/prometheus.ts';
import type { NameTagger } from '../admin/statistic-tags.ts';
import type { NamedHistogram } from '../admin/statistics.ts';
import type { StatsSinkConfig } from '../bootstrap/stats-sinks.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import { exportCall } from '../tracing/export-call.ts';
import { attributes, message, nanoseconds, text } from '../tracing/otlp-writer.ts';
import type { Report, Sink } from './reporter.ts';

type Config = Extract<StatsSinkConfig, { kind: 'open-telemetry' }>;

const ENVELOPE = {
  grpcPath: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  contentType: 'application/x-protobuf',
  userAgent: 'OTel-OTLP-Exporter-Tulle',
};
/** Of AggregationTemporality. */
const DELTA = 1;
const CUMULATIVE = 2;

export class OpenTelemetrySink implements Sink {
  readonly needsIntervals: boolean;
  readonly #config: Config;
  readonly #client: Pick<ClusterClient, 'http'>;
  readonly #form: Form;
  #giveUp: (() => void) | null = null;

  constructor(config: Config, client: Pick<ClusterClient, 'http'>, tagger: NameTagger, boundsOf: BoundsOf) {
    this.needsIntervals = config.histogramDeltas;
    this.#config = config;
    this.#form = { ...config, tagger, boundsOf };
    this.#client = client;
  }

  /** One that has not been answered when the next is due is given up. */
  send(report: Report): void {
    this.#giveUp?.();
    const call = exportCall(this.#config.target, ENVELOPE, encode(report, this.#form));
    this.#giveUp = this.#client.http(call, () => {
      this.#giveUp = null;
    });
  }

  close(): void {
    this.#giveUp?.();
  }
}

/** How figures are told. */
type Form = Omit<Config, 'kind' | 'target'> & { readonly tagger: NameTagger; readonly boundsOf: BoundsOf };

function encode(report: Report, form: Form): Uint8Array {
  const writer = new BinaryWriter();
  message(writer, 1, (resourceMetrics) => {
    message(resourceMetrics, 1, (resource) => attributes(resource, 1, form.resource));
    message(resourceMetrics, 2, (scopeMetrics) => {
      for (const { name, value, delta } of report.counters) {
        const temporality = form.counterDeltas ? DELTA : CUMULATIVE;
        metric(scopeMetrics, name, form, (one, tags) =>
          message(one, 7, (sum) => {
            message(sum, 1, (point) => numberPoint(point, report, form.counterDeltas ? delta : value, tags));
            sum.tag(2, WireType.Varint).int32(temporality);
            sum.tag(3, WireType.Varint).bool(true);
          }),
        );
      }
      for (const [name, value] of report.gauges) {
        metric(scopeMetrics, name, form, (one, tags) =>
          message(one, 5, (gauge) => message(gauge, 1, (point) => numberPoint(point, report, value, tags))),
        );
      }
      for (const histogram of form.histogramDeltas ? report.intervals : report.histograms) {
        encodeHistogram(scopeMetrics, histogram, report, form);
      }
    });
  });
  return writer.finish();
}

type Tags = readonly (readonly [string, string])[];

function metric(
  writer: BinaryWriter,
  name: string,
  { prefix, tagAttributes, tagsLeaveNames, tagger }: Form,
  write: (one: BinaryWriter, tags: Tags) => void,
): void {
  const tagged = tagger(name);
  const shown = tagsLeaveNames ? tagged.name : name;
  message(writer, 2, (one) => {
    text(one, 1, prefix === '' ? shown : `${prefix}.${shown}`);
    write(one, tagAttributes ? tagged.tags : []);
  });
}

function numberPoint(writer: BinaryWriter, { at, since }: Report, value: number, tags: Tags): void {
  writer.tag(2, WireType.Bit64).fixed64(nanoseconds(since));
  writer.tag(3, WireType.Bit64).fixed64(nanoseconds(at));
  if (Number.isSafeInteger(value)) writer.tag(6, WireType.Bit64).sfixed64(BigInt(value));
  else writer.tag(4, WireType.Bit64).double(value);
  attributes(writer, 7, tags);
}

function encodeHistogram(writer: BinaryWriter, [name, histogram]: NamedHistogram, report: Report, form: Form): void {
  const bounds = form.boundsOf(name) ?? BOUNDS;
  metric(writer, name, form, (one, tags) =>
    message(one, 9, (found) => {
      message(found, 1, (point) => {
        point.tag(2, WireType.Bit64).fixed64(nanoseconds(report.since));
        point.tag(3, WireType.Bit64).fixed64(nanoseconds(report.at));
        point.tag(4, WireType.Bit64).fixed64(BigInt(histogram.count));
        point.tag(5, WireType.Bit64).double(histogram.sum);
        const below = histogram.below(bounds);
        point.tag(6, WireType.LengthDelimited).fork();
        for (const [i, count] of below.entries()) point.fixed64(BigInt(count - (below[i - 1] ?? 0)));
        point.fixed64(BigInt(histogram.count - (below.at(-1) ?? 0)));
        point.join();
        point.tag(7, WireType.LengthDelimited).fork();
        for (const bound of bounds) point.double(bound);
        point.join();
        attributes(point, 9, tags);
      });
      found.tag(2, WireType.Varint).int32(form.histogramDeltas ? DELTA : CUMULATIVE);
    }),
  );
}
