// Problems: what was seen, where, and what to do about it.
import type { ReactNode } from 'react';
import type { Problem } from '../../../src/model/problem.ts';
import { placeText } from '../format.ts';
import { objectHref } from '../use-hash.ts';

export function ProblemList({ problems }: { problems: readonly Problem[] }): ReactNode {
  return (
    <ul className="problems" aria-label="Problems">
      {problems.map(({ severity, message, hint, origin }) => (
        <li
          key={`${origin.kind}/${origin.namespace}/${origin.name} ${origin.path} ${message}`}
          data-severity={severity}
        >
          <span className="severity">{severity}</span>
          <div>
            <p>
              {message}
              {hint !== '' && <span className="hint"> — {hint}</span>}
            </p>
            <p className="where">
              <a href={objectHref(origin)}>
                {origin.kind} {origin.namespace}/{origin.name}
              </a>{' '}
              {origin.path} {origin.place !== null && <code>{placeText(origin.place.file, origin.place.line)}</code>}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
