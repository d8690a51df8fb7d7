// Counters, gauges and histograms in every form the admin interface has: text and JSON under their full names, Prometheus with the
// variable parts of a name as labels.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Histogram } from '../../lib/histogram.ts';
import { compileRegex } from '../../lib/re2.ts';
import { isGauge, statisticName } from './statistic-name.ts';

/** `cluster.web.upstream_rq_total`: everything up to the last dot is where it was counted, the rest a field. */
export type Statistic = readonly [name: string, value: number];
export type NamedHistogram = readonly [name: string, histogram: Histogram];

export type Statistics = {
  readonly numbers: readonly Statistic[];
  readonly histograms: readonly NamedHistogram[];
};

export type StatisticsQuery = {
  matches(name: string): boolean;
  readonly usedOnly: boolean;
  readonly counters: boolean;
  readonly gauges: boolean;
  readonly histograms: boolean;
};

/** What is wrong with the query is a text. */
export function readQuery(query: URLSearchParams): StatisticsQuery | string {
  const filter = query.get('filter') ?? '';
  const outcome = compileRegex(`(?s).*(?:${filter}).*`);
  if (!outcome.ok) return `invalid re2 regex: ${outcome.reason}\n`;
  const inverted = query.has('invert_filter');
  const type = query.get('type') ?? 'All';
  if (!TYPES.includes(type)) return `usage: /stats?type=${TYPES.join('|')}\n`;
  return {
    matches: filter === '' ? () => true : (name) => outcome.regex.matches(name) !== inverted,
    usedOnly: query.has('usedonly'),
    counters: type === 'All' || type === 'Counters',
    gauges: type === 'All' || type === 'Gauges',
    histograms: type === 'All' || type === 'Histograms',
  };
}

const TYPES: readonly string[] = ['All', 'Counters', 'Gauges', 'Histograms', 'TextReadouts'];

/** Under Envoy's names, sorted. */
export function selectStatistics(
  numbers: Iterable<Statistic>,
  histograms: Iterable<NamedHistogram>,
  query: StatisticsQuery,
): Statistics {
  const wanted = (name: string, value: number): boolean =>
    (isGauge(name) ? query.gauges : query.counters) && !(query.usedOnly && value === 0) && query.matches(name);
  return {
    numbers: [...numbers]
      .map(([name, value]): Statistic => [statisticName(name), value])
      .filter(([name, value]) => wanted(name, value))
      .sort(byName),
    histograms: !query.histograms
      ? []
      : [...histograms]
          .map(([name, histogram]): NamedHistogram => [statisticName(name), histogram])
          .filter(([name, { count }]) => !(query.usedOnly && count === 0) && query.matches(name))
          .sort(byName),
  };
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

const SHARES = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1];

export function statisticsText({ numbers, histograms }: Statistics): string {
  const lines = numbers.map(([name, value]) => `${name}: ${value}\n`);
  return [...lines, ...histograms.map(([name, histogram]) => `${name}: ${summary(histogram)}\n`)].join('');
}

/** Envoy shows the last interval beside the whole time; we keep the whole time. */
function summary(histogram: Histogram): string {
  if (histogram.count === 0) return 'No recorded values';
  const values = histogram.quantiles(SHARES).map(rounded);
  return values.map((value, i) => `P${rounded(SHARES[i]! * 100)}(${value},${value})`).join(' ');
}

export function statisticsJson({ numbers, histograms }: Statistics): JsonObject {
  const stats: JsonValue[] = numbers.map(([name, value]) => ({ name, value }));
  if (histograms.length === 0) return { stats };
  const computed = histograms.map(([name, histogram]) => ({
    name,
    values: histogram.quantiles(SHARES).map((quantile) => {
      const value = Number.isNaN(quantile) ? null : rounded(quantile);
      return { interval: value, cumulative: value };
    }),
  }));
  const supported = SHARES.map((share) => rounded(share * 100));
  return {
    stats: [...stats, { histograms: { supported_quantiles: supported, computed_quantiles: computed } }],
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
