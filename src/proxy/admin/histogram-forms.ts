// The forms in which /stats shows histograms (`histogram_buckets`). Envoy shows the last interval beside the whole time; we keep the whole time,
// and show it as both.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Histogram } from '../../lib/histogram.ts';
import { BOUNDS, type BoundsOf } from './prometheus.ts';
import type { NamedHistogram } from './statistics.ts';

export type HistogramForm = {
  /** What stands behind a name that has values. */
  text(histogram: Histogram, bounds: readonly number[]): string;
  /** Of all histograms. */
  json(histograms: readonly NamedHistogram[], boundsOf: BoundsOf): JsonValue;
};

const SHARES = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1];
const PERCENTILES = SHARES.map((share) => rounded(share * 100));

export const histogramForms: Readonly<Record<string, HistogramForm>> = {
  cumulative: ofBounds((histogram, bounds) => histogram.below(bounds)),
  disjoint: ofBounds((histogram, bounds) => {
    const below = histogram.below(bounds);
    return below.map((count, i) => count - (below[i - 1] ?? 0));
  }),
  detailed: {
    text(histogram) {
      const filled = histogram.filled().map(([low, width, count]) => `${rounded(low)},${rounded(width)}:${count}`);
      const all = filled.join(', ');
      return `\n  totals=${all}\n  intervals=${all}\n  summary=${summary(histogram)}`;
    },
    json: (histograms) => ({
      supported_percentiles: PERCENTILES,
      details: histograms.map(([name, histogram]) => {
        const filled = histogram
          .filled()
          .map(([low, width, count]) => ({ lower_bound: rounded(low), width: rounded(width), count }));
        return { name, totals: filled, intervals: filled, percentiles: quantiles(histogram) };
      }),
    }),
  },
  summary: {
    text: (histogram) => ` ${summary(histogram)}`,
    json: (histograms) => ({
      supported_quantiles: PERCENTILES,
      computed_quantiles: histograms.map(([name, histogram]) => ({ name, values: quantiles(histogram) })),
    }),
  },
};

function ofBounds(countsOf: (histogram: Histogram, bounds: readonly number[]) => readonly number[]): HistogramForm {
  return {
    text: (histogram, bounds) =>
      countsOf(histogram, bounds)
        .map((count, i) => ` B${sixDigits(bounds[i]!)}(${count},${count})`)
        .join(''),
    json: (histograms, boundsOf) =>
      histograms.map(([name, histogram]) => {
        const bounds = boundsOf(name) ?? BOUNDS;
        const buckets = countsOf(histogram, bounds).map((count, i) => ({
          upper_bound: bounds[i]!,
          interval: count,
          cumulative: count,
        }));
        return { name, buckets };
      }),
  };
}

function summary(histogram: Histogram): string {
  const values = histogram.quantiles(SHARES).map(rounded);
  return values.map((value, i) => `P${PERCENTILES[i]}(${value},${value})`).join(' ');
}

function quantiles(histogram: Histogram): JsonObject[] {
  return histogram.quantiles(SHARES).map((quantile) => {
    const value = Number.isNaN(quantile) ? null : rounded(quantile);
    return { interval: value, cumulative: value };
  });
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** As C prints it: `1.8e+06`. */
function sixDigits(value: number): string {
  return value < 1e6
    ? String(rounded(value))
    : rounded(value)
        .toExponential()
        .replace(/e\+(\d)$/, 'e+0$1');
}
