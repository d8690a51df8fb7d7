// A set of policies → a decision. The first policy that matches, in order of name as in Envoy, decides.
import type { Any } from '@bufbuild/protobuf/wkt';
import { ActionSchema, type Policy, type RBAC, RBAC_Action } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { Matcher } from '../../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { unpack } from '../../config/any.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { RuntimeLookup } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { InputKind } from '../../matching/input.ts';
import { compileMatcher } from '../../matching/matcher.ts';
import { filterInputs, type RequestSubject, runtimeOf } from '../../matching/request-inputs.ts';
import { compileCondition } from './condition.ts';
import { compilePermission, type ExchangeTest, some } from './permission.ts';
import { compilePrincipal } from './principal.ts';

export type RbacEngine = (exchange: Exchange, runtime: RuntimeLookup) => RbacDecision;

export type RbacDecision = {
  readonly allowed: boolean;
  /** The one that matched, null when none did. */
  readonly policy: string | null;
  /** What access logs are told (`access_log_hint`); null: nothing. */
  readonly logged: boolean | null;
};

type Action = 'allow' | 'deny' | 'log';

export function compileRbac(rules: RBAC, path: string): RbacEngine {
  const policies = Object.entries(rules.policies)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => ({ name, matches: compilePolicy(policy, `${at(path, 'policies')}[${name}]`) }));
  const action = actionOf(rules.action, at(path, 'action'));
  return (exchange) => {
    const policy = policies.find(({ matches }) => matches(exchange))?.name ?? null;
    switch (action) {
      case 'allow':
        return { allowed: policy !== null, policy, logged: null };
      case 'deny':
        return { allowed: policy === null, policy, logged: null };
      case 'log':
        return { allowed: true, policy, logged: policy !== null };
    }
  };
}

/** The generic matcher in the place of policies, its actions are named as they are; what nothing matches is denied. */
export function compileRbacMatcher(
  matcher: Matcher,
  path: string,
  inputs: readonly InputKind<RequestSubject>[] = filterInputs,
): RbacEngine {
  let logs = false;
  const compileAction = (config: Any, here: string) => {
    const { name, action } = unpack(config, ActionSchema, here);
    if (name === '') throw new ConfigError(at(here, 'name'), 'is empty');
    const kind = actionOf(action, at(here, 'action'));
    logs ||= kind === 'log';
    return { name, kind };
  };
  const match = compileMatcher(matcher, { inputs, runtime: runtimeOf, compileAction }, path);
  return (exchange, runtime) => {
    const found = match({ request: exchange.request, exchange, runtime });
    if (found === null) return { allowed: false, policy: null, logged: null };
    return { allowed: found.kind !== 'deny', policy: found.name, logged: logs ? found.kind === 'log' : null };
  };
}

function compilePolicy(policy: Policy, path: string): ExchangeTest {
  if (policy.permissions.length === 0) throw new ConfigError(at(path, 'permissions'), 'is empty');
  if (policy.principals.length === 0) throw new ConfigError(at(path, 'principals'), 'is empty');
  const permitted = some(
    mapAt(policy.permissions, at(path, 'permissions'), (rule, here) => compilePermission(rule, here)),
  );
  const meant = some(mapAt(policy.principals, at(path, 'principals'), (id, here) => compilePrincipal(id, here)));
  const condition = compileCondition(policy, path);
  if (condition === null) return (exchange) => permitted(exchange) && meant(exchange);
  return (exchange) => permitted(exchange) && meant(exchange) && condition(exchange);
}

function actionOf(action: RBAC_Action, path: string): Action {
  switch (action) {
    case RBAC_Action.ALLOW:
      return 'allow';
    case RBAC_Action.DENY:
      return 'deny';
    case RBAC_Action.LOG:
      return 'log';
    default:
      throw new ConfigError(path, 'is not known');
  }
}
