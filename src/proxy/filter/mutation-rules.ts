// Which headers a server of the user's may change.
import type { HeaderMutationRules } from '../../xds/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import { at } from '../config/config-error.ts';
import { compilePattern } from '../route/match/string-matcher.ts';

export type Rules = {
  /** null: the change is refused as an error. */
  allows(name: string): boolean | null;
};

const ROUTING: ReadonlySet<string> = new Set([':authority', ':scheme', ':method', 'host']);

export function compileRules(rules: HeaderMutationRules | undefined, path: string): Rules {
  const allowed = rules?.allowExpression && compilePattern(rules.allowExpression, at(path, 'allow_expression'));
  const refused =
    rules?.disallowExpression && compilePattern(rules.disallowExpression, at(path, 'disallow_expression'));
  const isAllowed = (name: string): boolean => {
    if (refused?.matches(name)) return false;
    if (allowed?.matches(name)) return true;
    if (rules?.disallowAll) return false;
    if (rules?.disallowSystem && (name.startsWith(':') || name === 'host')) return false;
    if (ROUTING.has(name)) return rules?.allowAllRouting ?? false;
    return !name.startsWith('x-envoy') || (rules?.allowEnvoy ?? false);
  };
  return { allows: (name) => isAllowed(name) || (rules?.disallowIsError ? null : false) };
}
