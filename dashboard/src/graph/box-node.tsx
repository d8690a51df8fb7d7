// The box around a namespace, or around the versions of one app.
import type { Node, NodeProps } from '@xyflow/react';
import type { ReactNode } from 'react';

export type BoxNodeType = Node<{ kind: 'namespace' | 'app'; title: string }, 'box'>;

export function BoxNode({ data: { kind, title } }: NodeProps<BoxNodeType>): ReactNode {
  return (
    <div className="box" data-kind={kind}>
      <span>{title}</span>
    </div>
  );
}
