// The filter envoy.filters.http.rbac: enforces its rules, and notes what its shadow rules would have done.
import {
  type RBAC,
  RBACPerRouteSchema,
  RBACSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { at } from '../../config/config-error.ts';
import { noRuntime } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compiler, type FilterKind } from '../define.ts';
import type { HttpFilter, LocalReply } from '../filter.ts';
import { compileRbac, compileRbacMatcher, type RbacDecision, type RbacEngine } from './engine.ts';
import { compileStats } from './stats.ts';

export type RbacFilter = HttpFilter & {
  readonly kind: 'rbac';
  /** null: nothing is enforced. */
  readonly rules: RbacEngine | null;
  readonly shadowRules: RbacEngine | null;
  /** What the enforced rules answer, without a trace: undefined lets the request pass. */
  judge(exchange: Exchange): LocalReply | undefined;
};

export function isRbac(filter: HttpFilter): filter is RbacFilter {
  return 'kind' in filter && filter.kind === 'rbac';
}

export const rbac: FilterKind = {
  chain: compiler(RBACSchema, createRbac),
  // Without `rbac` the filter is off for the route.
  route: compiler(RBACPerRouteSchema, (config, name, path) =>
    config.rbac === undefined ? null : createRbac(config.rbac, name, at(path, 'rbac')),
  ),
};

/** Exchange.metadata and `%DYNAMIC_METADATA(envoy.filters.http.rbac:…)%`. */
const METADATA = 'envoy.filters.http.rbac';

export function createRbac(config: RBAC, name: string, path: string): RbacFilter {
  const rules = config.matcher
    ? compileRbacMatcher(config.matcher, at(path, 'matcher'))
    : config.rules
      ? compileRbac(config.rules, at(path, 'rules'))
      : null;
  const shadowRules = config.shadowMatcher
    ? compileRbacMatcher(config.shadowMatcher, at(path, 'shadow_matcher'))
    : config.shadowRules
      ? compileRbac(config.shadowRules, at(path, 'shadow_rules'))
      : null;
  const judge = (exchange: Exchange): LocalReply | undefined => {
    if (rules === null) return undefined;
    const { allowed, policy } = rules(exchange, noRuntime);
    return allowed ? undefined : denial(policy);
  };
  const track = compileStats(config);
  return {
    kind: 'rbac',
    name,
    rules,
    shadowRules,
    judge,
    request(exchange, scope) {
      if (shadowRules !== null) {
        const decision = shadowRules(exchange, scope.runtime);
        noteShadow(config.shadowRulesStatPrefix, decision, exchange);
        track.shadow(scope, decision);
      }
      if (rules === null) return undefined;
      const decision = rules(exchange, scope.runtime);
      if (decision.logged !== null) note(exchange, { access_log_hint: decision.logged });
      track.enforced(scope, decision);
      return decision.allowed ? undefined : denial(decision.policy);
    },
  };
}

function noteShadow(prefix: string, { allowed, policy }: RbacDecision, exchange: Exchange): void {
  note(exchange, {
    [`${prefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied',
    ...(policy === null ? {} : { [`${prefix}shadow_effective_policy_id`]: policy }),
  });
}

function note(exchange: Exchange, fields: Readonly<Record<string, unknown>>): void {
  exchange.metadata ??= new Map();
  exchange.metadata.set(METADATA, { ...(exchange.metadata.get(METADATA) as object | undefined), ...fields });
}

function denial(policy: string | null): LocalReply {
  return {
    status: 403,
    body: 'RBAC: access denied',
    details: `rbac_access_denied_matched_policy[${(policy ?? 'none').replaceAll(/\s/g, '_')}]`,
    flags: 0,
    headers: null,
  };
}
