// Who may call a workload's port: one layer per dialect that speaks about it, and all layers must agree.
import type { ObjectRef } from '../model/origin.ts';
import { objectName } from '../model/origin.ts';
import type { AuthorizationPolicy } from '../model/policy.ts';
import { dialectRank } from './dialects.ts';
import type { Mesh } from './merge.ts';
import type { AuthorizationLayer, NamedRule } from './plan.ts';
import { isTarget, type Subject } from './subject.ts';

export type AuthorizationDecision = {
  readonly layers: readonly AuthorizationLayer[];
  readonly shapedBy: readonly ObjectRef[];
};

export function authorizationOf(mesh: Mesh, subject: Subject, port: number): AuthorizationDecision {
  const policies = mesh.authorizations.filter(({ target }) => isTarget(target, subject, port));
  const dialects = [...new Set(policies.map(({ origin }) => origin.dialect))];
  dialects.sort((a, b) => dialectRank(a) - dialectRank(b));
  const names = new Set<string>();
  const layers = dialects.map((dialect) => {
    const own = policies.filter(({ origin }) => origin.dialect === dialect);
    const [denying, allowing] = [
      own.filter(({ action }) => action === 'deny'),
      own.filter(({ action }) => action === 'allow'),
    ];
    return {
      dialect,
      deny: namedRules(denying, names),
      // A dialect that has any allow policy here allows nothing else, even when the policies are empty.
      allow: allowing.length === 0 ? null : namedRules(allowing, names),
    };
  });
  return { layers, shapedBy: policies.flatMap(({ origin, rules }) => [origin, ...rules.map((rule) => rule.origin)]) };
}

/** Names are unique in the listener, because its metadata maps them to origins. */
function namedRules(policies: readonly AuthorizationPolicy[], taken: Set<string>): readonly NamedRule[] {
  return policies.flatMap(({ rules, origin }) =>
    rules.map((rule, index) => {
      const wanted = `${objectName(origin)}[${index}]`;
      let name = wanted;
      for (let copy = 2; taken.has(name); copy++) name = `${wanted}#${copy}`;
      taken.add(name);
      return { name, rule };
    }),
  );
}
