// The end of a traced exchange: its span, and the exemplar that leads from its duration to the trace.
import type { ActiveSpan, Exchange } from '../http/exchange.ts';
import type { HttpStats } from './stats.ts';

export function finishSpan(span: ActiveSpan, { started, startedAt }: Exchange, stats: HttpStats, now: number): void {
  span.finish(now);
  if (!span.sampled) return;
  const value = now - started;
  stats.downstream_rq_time.exemplify({
    value,
    label: `trace_id="${span.traceId}",span_id="${span.spanId}"`,
    epoch: startedAt + value,
  });
}
