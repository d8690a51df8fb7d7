// Latency histograms as Prometheus has them: cumulative counts per upper bound. Adding, subtracting, and quantiles of what is left.

/** `cumulative[i]` counts what took at most `bounds[i]` milliseconds; bounds ascend and the last is Infinity. */
export type Latency = { readonly bounds: readonly number[]; readonly cumulative: readonly number[] };

export const noLatency: Latency = { bounds: [], cumulative: [] };

/** Histograms of other bounds are brought onto those of the first that has any. */
export function addLatency(a: Latency, b: Latency): Latency {
  if (a.bounds.length === 0) return b;
  if (b.bounds.length === 0) return a;
  return { bounds: a.bounds, cumulative: a.bounds.map((bound, i) => (a.cumulative[i] ?? 0) + countUpTo(b, bound)) };
}

/** Quantile `q` (0-1), linear within a bucket; the last finite bound stands for all above it; null without counts. */
export function quantile(latency: Latency, q: number): number | null {
  const { bounds, cumulative } = latency;
  const total = cumulative.at(-1) ?? 0;
  if (total <= 0) return null;
  const rank = q * total;
  const bucket = cumulative.findIndex((count) => count >= rank && count > 0);
  const upper = bounds[bucket] ?? Infinity;
  const lower = bounds[bucket - 1] ?? 0;
  if (upper === Infinity) return lower;
  const below = cumulative[bucket - 1] ?? 0;
  const inside = (cumulative[bucket] ?? 0) - below;
  return lower + (upper - lower) * (inside === 0 ? 1 : (rank - below) / inside);
}

/** How many took at most `bound`, linear within a bucket. */
function countUpTo(latency: Latency, bound: number): number {
  const { bounds, cumulative } = latency;
  const bucket = bounds.findIndex((upper) => upper >= bound);
  const count = cumulative[bucket] ?? cumulative.at(-1) ?? 0;
  const upper = bounds[bucket] ?? Infinity;
  if (upper === bound) return count;
  const below = cumulative[bucket - 1] ?? 0;
  const lower = bounds[bucket - 1] ?? 0;
  return upper === Infinity ? below : below + ((count - below) * (bound - lower)) / (upper - lower);
}
