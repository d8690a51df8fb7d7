// What colours and figures of the graph mean.
import type { ReactNode } from 'react';
import { Lock } from '../lock.tsx';

export function Legend({ window }: { window: number }): ReactNode {
  return (
    <p className="legend">
      <span data-health="good">succeeding</span>
      <span data-health="failing">failing</span>
      <span data-health="denied">denied by policy</span>
      <span data-health="idle">idle</span>
      <span className="plain">
        <Lock encrypted={1} /> mutual TLS
      </span>
      <span className="plain">p50 · p95 · p99, last {window} s</span>
    </p>
  );
}
