// The decisions on a request's way, in order, and how it ends.
import type { ReactNode } from 'react';
import type { ExplainResponse, ExplainStep } from '../../../src/api/types.ts';
import { placeText } from '../format.ts';
import { objectHref } from '../use-hash.ts';

export function DecisionChain({ answer }: { answer: ExplainResponse }): ReactNode {
  const { verdict, status, summary, steps } = answer;
  return (
    <div aria-live="polite">
      <p className="verdict" data-verdict={verdict}>
        <b>
          {verdict}
          {status !== null && ` ${status}`}
        </b>{' '}
        {summary}
      </p>
      <ol className="chain">
        {numbered(steps).map(({ step, key }) => (
          <li key={key} className="decision" data-outcome={step.outcome}>
            <span className="stage-name">{step.stage}</span>
            <div>
              <p>{step.text}</p>
              <Behind origin={step.origin} />
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** A chain is replaced as a whole: the place is as good a key as any. */
const numbered = (steps: readonly ExplainStep[]) => steps.map((step, i) => ({ step, key: `step ${i}` }));

function Behind({ origin }: { origin: ExplainStep['origin'] }): ReactNode {
  if (origin === null || origin.dialect === 'tulle') return null;
  return (
    <p className="where">
      <a href={objectHref(origin)}>
        {origin.kind} {origin.namespace}/{origin.name}
      </a>{' '}
      {origin.path} {origin.place !== null && <code>{placeText(origin.place.file, origin.place.line)}</code>}
    </p>
  );
}
