// Which rules a request falls under: those of its route, and of its virtual host by what route and filter say of it.
import type { Exchange } from '../../http/exchange.ts';
import type { FilterScope } from '../filter.ts';
import type { Descriptor, RateLimitRule } from './rule.ts';

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

/** The rules that hold for a request. */
export function rulesOf(exchange: Exchange, option: HostOption): readonly RateLimitRule[] {
  const limits = exchange.route?.action.kind === 'forward' ? exchange.route.rateLimits : noRouteLimits;
  const host = limits.includeHost || option === 'include' || (option === 'override' && limits.route.length === 0);
  return host ? [...limits.route, ...limits.host] : limits.route;
}

/** When a rule is asked: before the request goes on, or when the exchange is over. */
export type Moment = 'request' | 'end';

/** Without a moment every rule is asked, but for those that the runtime may switch off: as in Envoy, they are for services alone. */
export function describe(
  rules: readonly RateLimitRule[],
  exchange: Exchange,
  stage: number,
  scope: FilterScope,
  moment: Moment | null,
): Descriptor[] {
  return rules.flatMap((rule) => {
    if (rule.stage !== stage || !isAsked(rule, moment, scope)) return [];
    const descriptor = rule.descriptor(exchange, scope);
    return descriptor === null ? [] : [descriptor];
  });
}

function isAsked({ onDone, enabled }: RateLimitRule, moment: Moment | null, { random, runtime }: FilterScope): boolean {
  if (moment === null) return enabled === null;
  if (onDone !== (moment === 'end')) return false;
  return enabled === null || random() < enabled(runtime);
}
