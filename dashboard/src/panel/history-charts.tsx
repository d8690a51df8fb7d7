// The last minutes of a workload or an edge: requests by outcome, and latencies.
import { type ReactNode, useMemo } from 'react';
import type { HistoryResponse } from '../../../src/api/types.ts';
import { useAnswer } from '../use-answer.ts';
import { type Line, Sparkline } from './sparkline.tsx';

/** Five minutes, a point every five seconds. */
const SPAN = 'points=60&step=5';

/** `query` names the subject: `workload=…` or `from=…&to=…`. */
export function HistoryCharts({ query }: { query: string }): ReactNode {
  const { value, error } = useAnswer<HistoryResponse>(`history?${SPAN}&${query}`, 2_000);
  const requests = useMemo(() => (value === null ? [] : requestLines(value)), [value]);
  const latencies = useMemo(() => (value === null ? [] : latencyLines(value)), [value]);
  if (value === null) return <p className="hint">{error || 'loading …'}</p>;
  const { start, step } = value;
  return (
    <>
      <Sparkline title="Requests" unit="/s" start={start} step={step} lines={requests} />
      <Sparkline title="Latency" unit=" ms" start={start} step={step} lines={latencies} />
    </>
  );
}

const requestLines = ({ rate, failed, denied }: HistoryResponse): Line[] => [
  { label: 'all', colour: '--accent', values: rate },
  { label: 'failed', colour: '--failing', values: failed },
  { label: 'denied', colour: '--denied', values: denied },
];

const latencyLines = ({ p50, p99 }: HistoryResponse): Line[] => [
  { label: 'p50', colour: '--accent', values: p50 },
  { label: 'p99', colour: '--muted', values: p99 },
];
