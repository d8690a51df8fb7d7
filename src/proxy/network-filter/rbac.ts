// envoy.filters.network.rbac: the HTTP filter's engine asked about a connection. It is asked when the connection is ready, where Envoy waits for the
// first byte: a client that may not connect learns nothing from servers that speak first.
import {
  RBAC_EnforcementType as Enforcement,
  type RBAC,
} from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { millis } from '../config/values.ts';
import { compileRbac, compileRbacMatcher, type RbacDecision } from '../filter/rbac/engine.ts';
import type { Exchange } from '../http/exchange.ts';
import { networkInputs } from '../matching/request-inputs.ts';
import type { NetworkFilter } from './filter.ts';

class ShadowStats {
  shadow_allowed = 0;
  shadow_denied = 0;
}

/** `<stat_prefix>.rbac.<field>`; those of the shadow may have a prefix of their own there. */
class RbacStats extends ShadowStats {
  allowed = 0;
  denied = 0;
}

const METADATA = 'envoy.filters.network.rbac';

export function createNetworkRbac(config: RBAC, name: string, path: string): NetworkFilter {
  if (config.statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  if (config.enforcementType !== Enforcement.ONE_TIME_ON_FIRST_BYTE) {
    throw new ConfigError(at(path, 'enforcement_type'), 'must be ONE_TIME_ON_FIRST_BYTE');
  }
  const rules = config.matcher
    ? compileRbacMatcher(config.matcher, at(path, 'matcher'), networkInputs)
    : config.rules
      ? compileRbac(config.rules, at(path, 'rules'))
      : null;
  const shadowRules = config.shadowMatcher
    ? compileRbacMatcher(config.shadowMatcher, at(path, 'shadow_matcher'), networkInputs)
    : config.shadowRules
      ? compileRbac(config.shadowRules, at(path, 'shadow_rules'))
      : null;
  const shadow = config.shadowRulesStatPrefix;
  const delay = millis(config.delayDeny, 0, at(path, 'delay_deny'));
  return {
    name,
    start(scope) {
      const prefix = `${config.statPrefix.replace(/\.$/, '')}.rbac`;
      const stats = scope.stats(prefix, () => new RbacStats());
      const shadowStats =
        shadow === '' ? stats : scope.stats(`${prefix}.${shadow.replace(/\.$/, '')}`, () => new ShadowStats());
      return {
        admit(record) {
          if (shadowRules !== null) {
            const decision = shadowRules(record, scope.runtime);
            shadowStats[decision.allowed ? 'shadow_allowed' : 'shadow_denied'] += 1;
            noteShadow(decision, record, shadow);
          }
          if (rules === null) return null;
          const { allowed, policy, logged } = rules(record, scope.runtime);
          if (logged !== null) return null;
          stats[allowed ? 'allowed' : 'denied'] += 1;
          return allowed ? null : { delay, details: `rbac_access_denied_matched_policy[${policy ?? 'none'}]` };
        },
      };
    },
  };
}

function noteShadow({ allowed, policy }: RbacDecision, record: Exchange, prefix: string): void {
  record.metadata ??= new Map();
  record.metadata.set(METADATA, {
    [`${prefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied',
    ...(policy === null ? {} : { [`${prefix}shadow_effective_policy_id`]: policy }),
  });
}
