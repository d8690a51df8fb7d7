// Counters, gauges and histograms in every form the admin interface has: text and JSON under their full names, Prometheus with the
// variable parts of a name as labels.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Histogram } from '../../lib/histogram.ts';
import { compileRegex } from '../../lib/re2.ts';
import type { HistogramForm } from './histogram-forms.ts';
import { BOUNDS, type BoundsOf } from './prometheus.ts';
import { isGauge, statisticName } from './statistic-name.ts';

/** `cluster.web.upstream_rq_total`: everything up to the last dot is where it was counted, the rest a field. */
export type Statistic = readonly [name: string, value: number];
export type NamedHistogram = readonly [name: string, histogram: Histogram];

export type Statistics = {
  readonly numbers: readonly Statistic[];
  readonly histograms: readonly NamedHistogram[];
};

export type StatisticsQuery = {
  /** Nothing is left out. */
  readonly everything: boolean;
  matches(name: string): boolean;
  readonly usedOnly: boolean;
  readonly counters: boolean;
  readonly gauges: boolean;
  readonly histograms: boolean;
};

/** What is wrong with the query is a text. */
export function readQuery(query: URLSearchParams): StatisticsQuery | string {
  const filter = query.get('filter') ?? '';
  const alone = compileRegex(filter);
  const outcome = alone.ok ? compileRegex(`(?s).*(?:${filter}).*`) : alone;
  if (!outcome.ok) return `Invalid re2 regex: ${outcome.reason}\n`;
  const inverted = query.has('invert_filter');
  if (!HIDDEN.includes(query.get('hidden') ?? 'exclude')) return `usage: /stats?hidden=(${HIDDEN.join('|')})\n\n`;
  const type = query.get('type') ?? 'All';
  if (!TYPES.includes(type)) return 'invalid &type= param';
  return {
    everything: filter === '' && type === 'All' && !query.has('usedonly'),
    matches: filter === '' ? () => true : (name) => outcome.regex.matches(name) !== inverted,
    usedOnly: query.has('usedonly'),
    counters: type === 'All' || type === 'Counters',
    gauges: type === 'All' || type === 'Gauges',
    histograms: type === 'All' || type === 'Histograms',
  };
}

/** There are no hidden ones. */
const HIDDEN: readonly string[] = ['include', 'only', 'exclude'];
const TYPES: readonly string[] = ['All', 'Counters', 'Gauges', 'Histograms', 'TextReadouts'];

/** Under Envoy's names. */
export function selectStatistics(
  numbers: Iterable<Statistic>,
  histograms: Iterable<NamedHistogram>,
  query: StatisticsQuery,
): Statistics {
  const both = query.gauges && query.counters;
  const wanted = (name: string, value: number): boolean =>
    (both || (isGauge(name) ? query.gauges : query.counters)) &&
    !(query.usedOnly && value === 0) &&
    query.matches(name);
  return {
    numbers: [...numbers]
      .map(([name, value]): Statistic => [statisticName(name), value])
      .filter(([name, value]) => wanted(name, value)),
    histograms: !query.histograms
      ? []
      : [...histograms]
          .map(([name, histogram]): NamedHistogram => [statisticName(name), histogram])
          .filter(([name, { count }]) => !(query.usedOnly && count === 0) && query.matches(name)),
  };
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

export function statisticsText({ numbers, histograms }: Statistics, form: HistogramForm, boundsOf: BoundsOf): string {
  const lines = numbers.toSorted(byName).map(([name, value]) => `${name}: ${value}\n`);
  const summaries = histograms.toSorted(byName).map(([name, histogram]) => {
    const shown = histogram.count === 0 ? ' No recorded values' : form.text(histogram, boundsOf(name) ?? BOUNDS);
    return `${name}:${shown}\n`;
  });
  return [...lines, ...summaries].join('');
}

export function statisticsJson(
  { numbers, histograms }: Statistics,
  form: HistogramForm,
  boundsOf: BoundsOf,
): JsonObject {
  const stats: JsonValue[] = numbers.toSorted(byName).map(([name, value]) => ({ name, value }));
  return {
    stats:
      histograms.length === 0 ? stats : [...stats, { histograms: form.json(histograms.toSorted(byName), boundsOf) }],
  };
}
