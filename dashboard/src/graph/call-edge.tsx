// One edge: a line whose width is the rate and whose colour is the health, and a label with the figures.
import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps } from '@xyflow/react';
import type { ReactNode } from 'react';
import type { Golden, GraphEdge } from '../../../src/api/types.ts';
import { healthOf, percent, rate } from '../format.ts';
import { Lock } from '../lock.tsx';
import type { Point } from './layout.ts';

type Way = { readonly points: readonly Point[]; readonly label: Point };
export type CallEdgeType = Edge<{ edge: GraphEdge; way: Way; selected: boolean; open: () => void }, 'call'>;

export function CallEdge({ id, data }: EdgeProps<CallEdgeType>): ReactNode {
  if (data === undefined) return null;
  const { edge, way, selected, open } = data;
  const { golden } = edge;
  const health = healthOf(golden);
  const path = pathThrough(way.points);
  const width = golden.rate === 0 ? 1 : Math.min(6, 1.2 + Math.log10(1 + golden.rate) * 1.4);
  return (
    <>
      <g className="call" data-health={health} data-selected={selected}>
        <BaseEdge id={id} path={path} style={{ strokeWidth: width }} interactionWidth={0} />
        {golden.rate > 0 && <path className="call-flow" d={path} fill="none" />}
      </g>
      <EdgeLabelRenderer>
        <button
          type="button"
          className="call-label nodrag nopan"
          data-health={health}
          aria-pressed={selected}
          aria-label={`${edge.from} to ${edge.to}: ${describe(golden)}`}
          style={{ transform: `translate(-50%, -50%) translate(${way.label.x}px, ${way.label.y}px)` }}
          onClick={open}
        >
          <span>
            <Lock encrypted={golden.encrypted} /> {rate(golden.rate)} <CallOutcome golden={golden} />
          </span>
          {golden.p50 !== null && <small>{[golden.p50, golden.p95, golden.p99].map(short).join(' · ')} ms</small>}
        </button>
      </EdgeLabelRenderer>
    </>
  );
}

function CallOutcome({ golden: { success, denied } }: { golden: Golden }): ReactNode {
  if (success === null) return denied > 0 ? <b className="denied">denied</b> : null;
  return <b className="success">{percent(success)}</b>;
}

function describe({ rate: requests, success, denied, encrypted }: Golden): string {
  const security = encrypted === null ? '' : `, ${percent(encrypted)} encrypted`;
  return `${rate(requests)}, ${percent(success)} succeed, ${rate(denied)} denied${security}`;
}

const short = (value: number | null): string =>
  value === null ? '–' : value < 10 ? value.toFixed(1) : value.toFixed(0);

/** A curve that begins and ends in the first and last point and bends towards those between. */
function pathThrough(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return '';
  const bends = rest.slice(0, -1).map((point, i) => {
    const next = rest[i + 1] ?? last;
    const end = i === rest.length - 2 ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${point.x} ${point.y} ${end.x} ${end.y}`;
  });
  return bends.length === 0 ? `M${first.x} ${first.y}L${last.x} ${last.y}` : `M${first.x} ${first.y}${bends.join('')}`;
}
