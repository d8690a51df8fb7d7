// The objects that were read, by dialect, with their problems and how far they are applied; one of them as YAML.
import type { ReactNode } from 'react';
import type { ObjectSummary } from '../../../src/api/types.ts';
import type { Problem } from '../../../src/model/problem.ts';
import { objectHref, objectSegments } from '../use-hash.ts';
import { AppliedBadge } from './applied-badge.tsx';
import { ObjectView } from './object-view.tsx';
import { ProblemList } from './problem-list.tsx';

type Props = {
  objects: readonly ObjectSummary[];
  problems: readonly Problem[];
  /** Kind with its group, namespace (`-` for none) and name of the object to show, or nothing. */
  shown: readonly string[];
};

export function ConfigurationView({ objects, problems, shown }: Props): ReactNode {
  const [kind, namespace, name] = shown;
  const dialects = [...Map.groupBy(objects, ({ dialect }) => dialect)];
  return (
    <section className="page configuration" aria-label="Configuration">
      <div className="object-list">
        <h1>Configuration</h1>
        {problems.length > 0 && <ProblemList problems={problems} />}
        {objects.length === 0 && <p className="empty">No objects have been read.</p>}
        {dialects.map(([dialect, group]) => (
          <section key={dialect} aria-label={dialect}>
            <h2>
              {dialect} <span className="count">{group.length}</span>
            </h2>
            <ul className="objects object-rows">
              {group.map((object) => (
                <ObjectRow key={objectHref(object)} object={object} shown={shown} />
              ))}
            </ul>
          </section>
        ))}
      </div>
      {kind !== undefined && namespace !== undefined && name !== undefined && (
        <ObjectView kind={kind} namespace={namespace} name={name} />
      )}
    </section>
  );
}

function ObjectRow({ object, shown }: { object: ObjectSummary; shown: readonly string[] }): ReactNode {
  const { kind, namespace, name, problems, applied } = object;
  const current = objectSegments(object).every((segment, i) => shown[i] === segment);
  const worst = problems.some(({ severity }) => severity === 'error') ? 'error' : 'warning';
  return (
    <li className="object-row">
      <a href={objectHref(object)} aria-current={current ? 'true' : undefined}>
        <span className="kind">{kind}</span> <b>{name}</b> <span className="hint">{namespace}</span>
      </a>
      {problems.length > 0 && (
        <span className="badge" data-severity={worst} title={`${problems.length} problems`}>
          {problems.length}
        </span>
      )}
      <AppliedBadge applied={applied} />
    </li>
  );
}
