// Counters of decisions: `http.<prefix>.rbac.allowed`, and per policy where that is asked for.
import type { RBAC } from '../../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { perScope } from '../define.ts';
import type { FilterScope } from '../filter.ts';
import type { RbacDecision } from './engine.ts';

/** By name: filters of one chain share the object and differ by their prefixes. */
type Counters = Record<string, number>;

type Track = (scope: FilterScope, decision: RbacDecision) => void;

/** `shadow` counts beside `enforced`, under names of its own. */
export function compileStats(config: RBAC): { readonly enforced: Track; readonly shadow: Track } {
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}rbac`, (): Counters => ({})));
  const track = (named: string, kind: string): Track => {
    const prefix = named === '' || named.endsWith('.') ? named : `${named}.`;
    const names = [`${prefix}${kind}denied`, `${prefix}${kind}allowed`] as const;
    return (scope, { allowed, policy }) => {
      const counters = statsOf(scope);
      for (const name of names) counters[name] ??= 0;
      counters[names[allowed ? 1 : 0]]! += 1;
      if (!config.trackPerRuleStats || policy === null) return;
      const name = `${prefix}policy.${policy}.${kind}${allowed ? 'allowed' : 'denied'}`;
      counters[name] = (counters[name] ?? 0) + 1;
    };
  };
  return { enforced: track(config.rulesStatPrefix, ''), shadow: track(config.shadowRulesStatPrefix, 'shadow_') };
}
