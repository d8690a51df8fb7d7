// How far an object has come: `applied 7/7, 45 ms`.
import type { ReactNode } from 'react';
import type { Applied } from '../../../src/api/types.ts';
import { appliedText } from '../format.ts';

export function AppliedBadge({ applied }: { applied: Applied }): ReactNode {
  if (applied.total === 0) return null;
  const state = applied.rejected > 0 ? 'rejected' : applied.applied < applied.total ? 'pending' : 'applied';
  return (
    <span className="applied" data-state={state}>
      {appliedText(applied)}
      {applied.rejected > 0 && `, ${applied.rejected} rejected`}
    </span>
  );
}
