// Which workloads a security object is about: by its namespace and selector.
import type { PolicyTarget } from '../../model/policy.ts';
import type { Fields } from '../field/fields.ts';
import { text } from '../field/values.ts';

/** Objects in here hold for the whole mesh. */
export const ROOT_NAMESPACE = 'istio-system';

/** The labels of `selector.matchLabels`; null when it says nothing, or when it is wrong (then reported). */
export function readSelector(spec: Fields): Readonly<Record<string, string>> | null {
  const labels = spec.object('selector', (selector) => selector.map('matchLabels', text)) ?? [];
  return labels.length === 0 ? null : Object.fromEntries(labels);
}

export function targetOf(namespace: string | null, labels: Readonly<Record<string, string>> | null): PolicyTarget {
  return {
    namespace,
    workloads: labels === null ? { kind: 'all' } : { kind: 'labels', labels },
    port: { kind: 'any' },
  };
}
