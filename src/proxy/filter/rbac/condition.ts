// The condition of a policy: an expression that must hold beside a permission and a principal.
import type { Policy } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { compileTree } from '../../expression/expression.ts';
import { convertTree } from '../../expression/syntax.ts';
import type { ExchangeTest } from './permission.ts';

/** null: there is none. `checked_condition` counts where there is no `condition`, as the API says; Envoy does not read it. */
export function compileCondition(
  { condition, checkedCondition, celConfig }: Policy,
  path: string,
): ExchangeTest | null {
  const [tree, here] =
    condition !== undefined || checkedCondition === undefined
      ? [condition, at(path, 'condition')]
      : [checkedCondition.expr, at(path, 'checked_condition.expr')];
  if (tree === undefined) {
    if (checkedCondition === undefined) return null;
    throw new ConfigError(here, 'is required');
  }
  const { matches } = compileTree(convertTree(tree), here, celConfig);
  return (exchange) => matches({ exchange, response: null, ended: 0 });
}
