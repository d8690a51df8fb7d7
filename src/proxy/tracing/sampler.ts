// Samplers of OpenTelemetry: whether a span is recorded, by its trace.
import type { TraceContext } from './trace-context.ts';

export type Sampler = (traceId: string, parent: TraceContext | null) => boolean;

export const alwaysOn: Sampler = () => true;

/** The lower half of the trace id is compared, so that every service takes the same traces. */
export function ratio(share: number): Sampler {
  const limit = Math.round(share * 2 ** 32);
  return (traceId) => Number.parseInt(traceId.slice(16, 24), 16) < limit;
}

export function parentBased(root: Sampler): Sampler {
  return (traceId, parent) => (parent === null ? root(traceId, parent) : parent.sampled);
}
