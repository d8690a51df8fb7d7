// Which rules a request falls under: those of its route, and of its virtual host by what route and filter say of it.
import type { Exchange } from '../../http/exchange.ts';
import type { FilterScope } from '../filter.ts';
import type { Entry, RateLimitRule } from './rule.ts';

/** The rules of a route and of its virtual host, as the route table has them. */
export type RouteLimits = {
  readonly route: readonly RateLimitRule[];
  readonly host: readonly RateLimitRule[];
  /** The virtual host's count beside the route's own. */
  readonly includeHost: boolean;
};

export const noRouteLimits: RouteLimits = { route: [], host: [], includeHost: false };

/** What a filter says of the virtual host's rules: `override` has the route's own stand for them. */
export type HostOption = 'override' | 'include' | 'ignore';

export function descriptorsOf(
  exchange: Exchange,
  stage: number,
  option: HostOption,
  scope: FilterScope,
): (readonly Entry[])[] {
  const limits = exchange.route?.action.kind === 'forward' ? exchange.route.rateLimits : noRouteLimits;
  const host = limits.includeHost || option === 'include' || (option === 'override' && limits.route.length === 0);
  return describe([...limits.route, ...(host ? limits.host : [])], exchange, stage, scope);
}

export function describe(
  rules: readonly RateLimitRule[],
  exchange: Exchange,
  stage: number,
  scope: FilterScope,
): (readonly Entry[])[] {
  return rules.flatMap((rule) => {
    const entries = rule.stage === stage ? rule.descriptor(exchange, scope) : null;
    return entries === null ? [] : [entries];
  });
}
