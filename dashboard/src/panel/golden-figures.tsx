// The golden metrics as a list of figures.
import type { ReactNode } from 'react';
import type { Golden } from '../../../src/api/types.ts';
import { healthOf, millis, percent, rate } from '../format.ts';

export function GoldenFigures({ golden }: { golden: Golden }): ReactNode {
  const figures: readonly (readonly [title: string, value: string])[] = [
    ['requests', rate(golden.rate)],
    ['success', percent(golden.success)],
    ['denied', rate(golden.denied)],
    ['encrypted', percent(golden.encrypted)],
    ['p50', millis(golden.p50)],
    ['p95', millis(golden.p95)],
    ['p99', millis(golden.p99)],
  ];
  return (
    <dl className="figures" data-health={healthOf(golden)}>
      {figures.map(([title, value]) => (
        <div key={title} data-figure={title}>
          <dt>{title}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
