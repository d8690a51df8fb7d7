// A set of policies → a decision. The first policy that matches, in order of name as in Envoy, decides.
import { type Policy, type RBAC, RBAC_Action } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compilePermission, type ExchangeTest, some } from './permission.ts';
import { compilePrincipal } from './principal.ts';

export type RbacEngine = {
  readonly action: 'allow' | 'deny' | 'log';
  readonly policies: readonly { readonly name: string; readonly matches: ExchangeTest }[];
};

/** `policy` is the one that matched, null when none did. */
export type RbacDecision = { readonly allowed: boolean; readonly policy: string | null };

export function compileRbac(rules: RBAC, path: string): RbacEngine {
  const policies = Object.entries(rules.policies)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => ({ name, matches: compilePolicy(policy, `${at(path, 'policies')}[${name}]`) }));
  return { action: actionOf(rules.action, path), policies };
}

export function evaluateRbac(engine: RbacEngine, exchange: Exchange): RbacDecision {
  const policy = firstMatch(engine, exchange);
  switch (engine.action) {
    case 'allow':
      return { allowed: policy !== null, policy };
    case 'deny':
      return { allowed: policy === null, policy };
    case 'log':
      return { allowed: true, policy };
  }
}

function firstMatch(engine: RbacEngine, exchange: Exchange): string | null {
  for (const { name, matches } of engine.policies) if (matches(exchange)) return name;
  return null;
}

function compilePolicy(policy: Policy, path: string): ExchangeTest {
  if (policy.permissions.length === 0) throw new ConfigError(at(path, 'permissions'), 'is empty');
  if (policy.principals.length === 0) throw new ConfigError(at(path, 'principals'), 'is empty');
  const permitted = some(
    mapAt(policy.permissions, at(path, 'permissions'), (rule, here) => compilePermission(rule, here)),
  );
  const meant = some(mapAt(policy.principals, at(path, 'principals'), (id, here) => compilePrincipal(id, here)));
  return (exchange) => permitted(exchange) && meant(exchange);
}

function actionOf(action: RBAC_Action, path: string): RbacEngine['action'] {
  switch (action) {
    case RBAC_Action.ALLOW:
      return 'allow';
    case RBAC_Action.DENY:
      return 'deny';
    case RBAC_Action.LOG:
      return 'log';
    default:
      throw new ConfigError(at(path, 'action'), 'is not known');
  }
}
