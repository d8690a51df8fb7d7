// The filters of a listener over a rehearsed request: which policy refuses it, which let it pass.
import { type Origin, objectKey } from '../model/origin.ts';
import type { HttpConnectionConfig, ListenerConfig } from '../proxy/config/types.ts';
import type { LocalReply } from '../proxy/filter/filter.ts';
import { isRbac } from '../proxy/filter/rbac/filter.ts';
import type { Exchange } from '../proxy/http/exchange.ts';
import { type Ending, type Step, step } from './explanation.ts';
import { originOf } from './origin.ts';

export type Judged = { readonly steps: readonly Step[]; readonly refusal: Omit<Ending, 'share'> | null };

/** Only filters that judge: a fault that may be injected is said with its route. */
export function judge(listener: ListenerConfig, http: HttpConnectionConfig, exchange: Exchange, where: string): Judged {
  const steps: Step[] = [];
  for (const filter of http.filters.filter(isRbac)) {
    if (!filter.name.startsWith('tulle.rbac.')) continue;
    const reply = filter.judge(exchange);
    const [, , dialect = '', action = ''] = filter.name.split('.');
    if (reply === undefined) {
      const text =
        action === 'deny' ? `no ${dialect} policy at ${where} denies it` : `a ${dialect} policy at ${where} allows it`;
      steps.push(step('policy', 'passed', text));
      continue;
    }
    const policy = matchedPolicy(reply);
    const origin = policy === null ? onlyPolicy(listener, dialect) : originOf(policiesOf(listener)[policy]);
    const text = policy === null ? `no ${dialect} policy at ${where} allows it` : `denied at ${where} by ${policy}`;
    steps.push(step('policy', 'refused', text, origin));
    return { steps, refusal: { verdict: 'denied', status: reply.status, text } };
  }
  return { steps, refusal: null };
}

const policiesOf = ({ metadata }: ListenerConfig): Readonly<Record<string, unknown>> =>
  (metadata['tulle.policies'] ?? {}) as Record<string, unknown>;

/** The object whose list the request is not on, where the dialect has one only. */
function onlyPolicy(listener: ListenerConfig, dialect: string): Origin | null {
  const origins = Object.values(policiesOf(listener))
    .map(originOf)
    .filter((origin) => origin?.dialect === dialect);
  const [first = null] = origins;
  const isOne = first !== null && origins.every((each) => each !== null && objectKey(each) === objectKey(first));
  return isOne ? first : null;
}

/** Envoy's details: `rbac_access_denied_matched_policy[name]`, `none` when no policy allowed it. */
function matchedPolicy({ details }: LocalReply): string | null {
  const name = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(details)?.[1] ?? 'none';
  return name === 'none' ? null : name;
}
