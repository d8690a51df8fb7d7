// One object: where it is from, how far it is applied, its problems, its YAML.
import type { ReactNode } from 'react';
import type { ObjectResponse } from '../../../src/api/types.ts';
import { placeText } from '../format.ts';
import { useAnswer } from '../use-answer.ts';
import { hrefOf } from '../use-hash.ts';
import { AppliedBadge } from './applied-badge.tsx';
import { ProblemList } from './problem-list.tsx';

type Props = { kind: string; namespace: string; name: string };

/** Asks again every other second, so that a saved file shows. */
const EVERY = 2_000;

export function ObjectView({ kind, namespace, name }: Props): ReactNode {
  const path = `objects/${[kind, namespace, name].map(encodeURIComponent).join('/')}`;
  const { value, error } = useAnswer<ObjectResponse>(path, EVERY);
  return (
    <article className="object-view" aria-label={`${kind} ${name}`}>
      <a className="close" href={hrefOf('configuration')} aria-label="Close object">
        ×
      </a>
      <h2>
        {kind.split('.', 1)[0]} {name}
      </h2>
      {value === null ? (
        <p className="hint">{error || 'loading …'}</p>
      ) : (
        <>
          <p>
            <code>{placeText(value.object.file, value.object.line) || 'not from a file'}</code>{' '}
            <AppliedBadge applied={value.object.applied} />
          </p>
          {value.object.problems.length > 0 && <ProblemList problems={value.object.problems} />}
          <pre className="yaml">{value.yaml}</pre>
        </>
      )}
    </article>
  );
}
