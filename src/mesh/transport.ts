// Which transport a workload's port accepts: the most specific policy within a dialect, the strictest across dialects.
import type { Origin } from '../model/origin.ts';
import { builtIn } from '../model/origin.ts';
import type { PolicyTarget, TransportMode, TransportPolicy } from '../model/policy.ts';
import type { Mesh } from './merge.ts';
import { isTarget, type Subject } from './subject.ts';

export type TransportDecision = { readonly mode: TransportMode; readonly origin: Origin };

const strictness: readonly TransportMode[] = ['disable', 'permissive', 'strict'];

export function transportOf(mesh: Mesh, subject: Subject, port: number): TransportDecision {
  const applying = mesh.transports.filter(({ target }) => isTarget(target, subject, port));
  const decisions = [...new Set(applying.map(({ origin }) => origin.dialect))].map((dialect) =>
    mostSpecific(applying.filter(({ origin }) => origin.dialect === dialect)),
  );
  const byStrictness = (a: TransportDecision, b: TransportDecision) =>
    strictness.indexOf(b.mode) - strictness.indexOf(a.mode);
  return decisions.sort(byStrictness)[0] ?? { mode: 'strict', origin: builtIn('transport') };
}

/** Policies are oldest first, and the oldest of one level wins. `default` inherits from the next wider level; at the widest it is permissive (Istio). */
function mostSpecific(policies: readonly TransportPolicy[]): TransportDecision {
  const ordered = policies.toSorted((a, b) => level(b.target) - level(a.target));
  for (const { mode, origin } of ordered) {
    if (mode.kind !== 'default') return { mode: mode.kind === 'off' ? 'disable' : mode.value, origin };
  }
  return { mode: 'permissive', origin: (ordered[0] as TransportPolicy).origin };
}

function level(target: PolicyTarget): number {
  if (target.port.kind !== 'any') return 3;
  if (target.workloads.kind !== 'all') return 2;
  return target.namespace === null ? 0 : 1;
}
