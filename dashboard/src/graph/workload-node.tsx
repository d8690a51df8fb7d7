// One workload: name, version, what comes in, and how well it answers.
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react';
import type { ReactNode } from 'react';
import type { GraphNode } from '../../../src/api/types.ts';
import { healthOf, millis, percent, rate } from '../format.ts';

export type WorkloadNodeType = Node<{ node: GraphNode; selected: boolean; open: () => void }, 'workload'>;

const KINDS: Readonly<Record<GraphNode['kind'], string>> = {
  workload: '',
  gateway: 'gateway',
  outside: 'no proxy',
  service: 'no endpoint',
};

export function WorkloadNode({ data: { node, selected, open } }: NodeProps<WorkloadNodeType>): ReactNode {
  const { name, version, kind, inbound } = node;
  // `catalog-v1` says its version already.
  const chip = KINDS[kind] || (name.endsWith(`-${version}`) ? '' : version);
  const figures = inbound.rate === 0 ? 'not called' : `${rate(inbound.rate)}, ${percent(inbound.success)} succeed`;
  return (
    <button
      type="button"
      className="workload nodrag nopan"
      data-health={healthOf(inbound)}
      data-kind={kind}
      aria-pressed={selected}
      aria-label={`${name} ${version} ${KINDS[kind]}: ${figures}`}
      onClick={open}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <span className="workload-name">
        <b>{name}</b>
        {chip !== '' && <span className="chip">{chip}</span>}
      </span>
      <span className="workload-figures">
        {inbound.rate === 0 ? (
          <span>not called</span>
        ) : (
          <>
            <span>{rate(inbound.rate)}</span>
            <span className="success">{percent(inbound.success)}</span>
            <span>{millis(inbound.p95)}</span>
          </>
        )}
      </span>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </button>
  );
}
