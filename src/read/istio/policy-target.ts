// Which workloads a security object is about: by its namespace and selector, or by what it refers to.
import type { LabelSelector, PolicyTarget } from '../../model/policy.ts';
import type { Fields } from '../field/fields.ts';
import { name, text } from '../field/values.ts';

/** Objects in here hold for the whole mesh. */
export const ROOT_NAMESPACE = 'istio-system';

/** The labels of `selector.matchLabels`; null when it says nothing, or when it is wrong (then reported). */
export function readSelector(spec: Fields): LabelSelector | null {
  const labels = spec.object('selector', (selector) => selector.map('matchLabels', text)) ?? [];
  return labels.length === 0 ? null : { labels: Object.fromEntries(labels), expressions: [] };
}

export function targetOf(namespace: string | null, selector: LabelSelector | null): PolicyTarget {
  return {
    namespace,
    workloads: selector === null ? { kind: 'all' } : { kind: 'labels', ...selector },
    port: { kind: 'any' },
  };
}

/** `targetRefs` (and the older `targetRef`); null when any of them cannot be read (then reported): what it is about is not known. */
export function readTargetRefs(spec: Fields): PolicyTarget[] | null {
  const targets = [
    ...spec.objects('targetRefs', readTargetRef),
    ...(spec.has('targetRef') ? [spec.object('targetRef', readTargetRef)] : []),
  ];
  spec.ignore('targetRef');
  const known = targets.filter((target) => target !== null);
  return known.length === targets.length && known.length > 0 ? known : null;
}

const GATEWAY_GROUP = 'gateway.networking.k8s.io';

function readTargetRef(ref: Fields): PolicyTarget | null {
  const group = ref.get('group', text) ?? '';
  const kind = ref.require('kind', name);
  const named = ref.require('name', name);
  const own = ref.source.namespace;
  const namespace = ref.get('namespace', name) ?? own;
  if (kind === null || named === null || ref.failed) return null;
  // Istio: a reference stays in its namespace; a class is for the root namespace to restrict.
  if (namespace !== own) ref.error('namespace', 'invalid', `is another namespace: ${namespace}`, 'only its own');
  const workloads = workloadsOf(group, kind, named);
  if (workloads === null)
    ref.error('kind', 'unsupported', `targets of kind ${kind} (group ${group || 'core'}) are not known`);
  if (workloads?.kind === 'gateway-class' && own !== ROOT_NAMESPACE) {
    ref.error('kind', 'invalid', 'a GatewayClass can be a target in the root namespace only', ROOT_NAMESPACE);
  }
  if (workloads === null || ref.failed) return null;
  return { namespace: workloads.kind === 'gateway-class' ? null : own, workloads, port: { kind: 'any' } };
}

function workloadsOf(group: string, kind: string, named: string): PolicyTarget['workloads'] | null {
  if (group === GATEWAY_GROUP && kind === 'Gateway') return { kind: 'gateway', name: named };
  if (group === GATEWAY_GROUP && kind === 'GatewayClass') return { kind: 'gateway-class', name: named };
  if ((group === '' || group === 'core') && kind === 'Service') return { kind: 'service', name: named };
  return null;
}
