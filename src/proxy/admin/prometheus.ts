// Statistics in Prometheus' text format, and in OpenMetrics with exemplars where the scraper asks for it.
import type { Histogram } from '../../lib/histogram.ts';
import { remembered } from '../../lib/remembered.ts';
import { isGauge } from './statistic-name.ts';
import type { NameTagger } from './statistic-tags.ts';
import type { Statistics } from './statistics.ts';

export type ExpositionFormat = 'text' | 'openmetrics';

/** Envoy's buckets, for milliseconds. */
export const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

/** Of a histogram by its full name; null: the common ones. */
export type BoundsOf = (name: string) => readonly number[] | null;

/** Its HELP and TYPE lines, and its samples: many short texts, which are joined faster than they are added to one another. */
type Family = string[];

/** Samples of one metric stand together under one HELP and one TYPE line, as both formats demand. */
export function prometheusText(
  { numbers, histograms }: Statistics,
  format: ExpositionFormat,
  tagger: NameTagger,
  boundsOf: BoundsOf = () => null,
): string {
  const families = new Map<string, Family>();
  const nameOf = namerOf(tagger);
  for (const [name, value] of numbers) {
    const { metric, series } = nameOf(name);
    const family = families.get(metric) ?? begin(families, metric, isGauge(name) ? 'gauge' : counterKind(format), name);
    family.push(series, ` ${value}\n`);
  }
  for (const [name, histogram] of histograms) {
    const { metric, labels } = nameOf(name);
    const family = families.get(metric) ?? begin(families, metric, 'histogram', name);
    const bounds = boundsOf(name) ?? BOUNDS;
    family.push(...histogramSamples(metric, labels, histogram, bounds, format));
  }
  return [...families]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, samples]) => samples.join(''))
    .join('');
}

/**
 * The text format's counters under OpenMetrics' rules: its counters must end in `_total` and are announced without it. Envoy's names do not follow
 * that, and a metric must not change its name with the format it is asked in, so that those are of type unknown.
 */
export function toOpenMetrics(text: string): string {
  return text
    .replace(/^# (HELP|TYPE) (\w+)_total /gm, '# $1 $2 ')
    .replace(/^# TYPE (\w+) untyped$/gm, '# TYPE $1 unknown');
}

/** `cluster.upstream_rq_xx` is `envoy_cluster_upstream_rq_xx`. */
type PrometheusName = { readonly metric: string; readonly labels: string; readonly series: string };

const namers = new WeakMap<NameTagger, (name: string) => PrometheusName>();

function namerOf(tagger: NameTagger): (name: string) => PrometheusName {
  let namer = namers.get(tagger);
  if (namer === undefined) {
    namer = remembered((name) => {
      const tagged = tagger(name);
      const labels = labelText(tagged.tags.map(([tag, value]) => [sanitized(tag), value] as const));
      const metric = `envoy_${sanitized(tagged.name)}`;
      return { metric, labels, series: metric + braced(labels) };
    });
    namers.set(tagger, namer);
  }
  return namer;
}

function sanitized(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_');
}

function counterKind(format: ExpositionFormat): string {
  return format === 'text' ? 'counter' : 'unknown';
}

function begin(families: Map<string, Family>, metric: string, kind: string, name: string): Family {
  const family = [`# HELP ${metric} Envoy's statistic ${helpText(name)}\n# TYPE ${metric} ${kind}\n`];
  families.set(metric, family);
  return family;
}

/** The name without the part that is a label. */
function helpText(name: string): string {
  const [, kind, field] = /^(cluster|http|listener|tcp)\..*?([^.]+)$/.exec(name) ?? [];
  return kind === undefined ? name : `${kind}.*.${field}`;
}

function histogramSamples(
  metric: string,
  labels: string,
  histogram: Histogram,
  bounds: readonly number[],
  format: ExpositionFormat,
): string[] {
  const { count, sum, exemplar } = histogram;
  const counts = [...histogram.below(bounds), count];
  const place = exemplar === null || format === 'text' ? -1 : bounds.findIndex((bound) => exemplar.value < bound);
  const shown = (bucket: number): string =>
    exemplar !== null && format === 'openmetrics' && bucket === (place < 0 ? bounds.length : place)
      ? ` # {${exemplar.label}} ${exemplar.value} ${(exemplar.epoch / 1000).toFixed(3)}`
      : '';
  const prefix = labels === '' ? '' : `${labels},`;
  return [
    ...counts.map((below, i) => `${metric}_bucket{${prefix}le="${bounds[i] ?? '+Inf'}"} ${below}${shown(i)}\n`),
    `${metric}_sum${braced(labels)} ${sum}\n`,
    `${metric}_count${braced(labels)} ${count}\n`,
  ];
}

function labelText(labels: readonly (readonly [string, string])[]): string {
  return labels.map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`).join(',');
}

const escaped = (char: string): string => (char === '\n' ? '\\n' : `\\${char}`);

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`);
