// Which dialect an object belongs to, by its API group: only for showing it.
import type { Dialect } from '../model/origin.ts';

const GROUPS: readonly (readonly [suffix: string, dialect: Dialect])[] = [
  ['istio.io', 'istio'],
  ['gateway.networking.k8s.io', 'gateway-api'],
  ['linkerd.io', 'linkerd'],
  ['smi-spec.io', 'smi'],
];

export function dialectOf(apiVersion: string): Dialect {
  const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [''];
  const found = GROUPS.find(([suffix]) => group === suffix || group.endsWith(`.${suffix}`));
  return found === undefined ? 'kubernetes' : found[1];
}
