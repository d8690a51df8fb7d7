// A user's rule as a route of the plan: references resolved, defaults of its dialect filled in.
import { objectName } from '../model/origin.ts';
import type { LoadBalancer } from '../model/policy.ts';
import type { Backend, RetryPolicy, RouteAction, RouteRule } from '../model/route.ts';
import { off, type Setting, set } from '../model/setting.ts';
import type { Port } from '../model/units.ts';
import { destinationOf, settingsOf, subsetOf } from './destinations.ts';
import { defaultRetry } from './dialects.ts';
import type { RouteActionPlan } from './plan.ts';
import type { Planning } from './planning.ts';
import type { Candidate } from './precedence.ts';
import { type Asking, resolveTarget } from './references.ts';
import type { Backing, ResolvedRoute } from './resolved.ts';
import { shapedBy } from './shaping.ts';

type Place = Omit<Asking, 'origin' | 'consequence'> & {
  /** At a gateway, the port that requests come in by. */
  readonly listener: Port | null;
};

export function resolveCandidate(planning: Planning, candidate: Candidate, place: Place): ResolvedRoute {
  const { set: routeSet, rule, match } = candidate;
  const { action, backings } = resolveAction(planning, rule, place);
  const grants = backings.flatMap((backing) => (backing.kind === 'service' ? backing.grants : []));
  return {
    route: {
      name: routeName(candidate),
      match: match === null || match.client === null ? match : { ...match, client: null },
      action,
      requestHeaders: rule.requestHeaders,
      responseHeaders: rule.responseHeaders,
      fault: rule.fault,
      origin: rule.origin,
    },
    client: match?.client ?? null,
    backings,
    shapedBy: shapedBy([routeSet.origin, rule.origin, ...(match === null ? [] : [match.origin]), ...grants]),
  };
}

/** What users call the rule, else where it stands in its object. */
function routeName({ set: { origin }, rule, ruleIndex, matchIndex }: Candidate): string {
  const own = rule.name || rule.origin.path || `rules[${ruleIndex}]`;
  return `${objectName(origin)}/${own}${rule.matches.length > 1 ? `/${matchIndex}` : ''}`;
}

type Resolved = { readonly action: RouteActionPlan; readonly backings: readonly Backing[] };

function resolveAction(planning: Planning, rule: RouteRule, place: Place): Resolved {
  const { action } = rule;
  switch (action.kind) {
    case 'forward':
      return resolveForward(planning, rule, action, place);
    case 'fail':
      return { action: { kind: 'respond', status: action.status, body: '' }, backings: [] };
    case 'redirect':
      return { action: { ...action, port: redirectPort(action.port, place.listener) }, backings: [] };
    case 'respond':
      return { action, backings: [] };
  }
}

const HTTP_PORT = 80;

/** The scheme's own port is not written (Gateway API, HTTPRequestRedirectFilter.port). */
function redirectPort(port: Port | 'listener' | null, listener: Port | null): Port | null {
  if (port !== 'listener') return port;
  return listener === HTTP_PORT ? null : listener;
}

function resolveForward(
  planning: Planning,
  rule: RouteRule,
  action: RouteAction & { kind: 'forward' },
  place: Place,
): Resolved {
  const resolve = ({ target, origin }: Pick<Backend, 'target' | 'origin'>, consequence: string) =>
    resolveTarget(planning, target, { ...place, origin, consequence });
  const targets = action.backends.map((backend) => ({ backend, backing: resolve(backend, 'its requests get 500') }));
  const mirrors = action.mirrors.map((mirror) => ({ mirror, backing: resolve(mirror, 'nothing is mirrored there') }));
  const used = targets.filter(({ backend }) => backend.weight > 0);
  // Nothing to choose from: Gateway API, HTTPRouteRule.backendRefs, asks for 500.
  if (used.every(({ backing }) => backing.kind === 'broken')) {
    const [first] = used;
    const status = first?.backing.kind === 'broken' ? first.backing.status : 500;
    return { action: { kind: 'respond', status, body: '' }, backings: [] };
  }
  const working = mirrors.filter(({ backing }) => backing.kind === 'service');
  const scale = used.every(({ backend }) => Number.isInteger(backend.weight)) ? 1 : 1000;
  return {
    action: {
      kind: 'forward',
      clusters: used.map(({ backend: { weight, requestHeaders, responseHeaders }, backing }) => ({
        cluster: backing.name,
        weight: Math.round(weight * scale),
        requestHeaders,
        responseHeaders,
      })),
      rewrite: action.rewrite,
      mirrors: working.map(({ mirror, backing }) => ({ cluster: backing.name, share: mirror.share })),
      timeout: rule.timeout.kind === 'default' ? off : rule.timeout,
      retry: rule.retry.kind === 'default' ? retryOf(rule) : rule.retry,
      hash:
        used.map(({ backing }) => hashOf(planning, backing, place.clientNamespace)).find((hash) => hash !== null) ??
        null,
    },
    backings: [...used, ...working].map(({ backing }) => backing),
  };
}

function retryOf(rule: RouteRule): Setting<RetryPolicy> {
  const policy = defaultRetry(rule.origin.dialect);
  return policy === null ? off : set(policy);
}

/** What the balancer of this backing hashes, if it does. */
export function hashOf(
  planning: Planning,
  backing: Backing,
  clientNamespace: string,
): (LoadBalancer & { kind: 'hash' })['on'] | null {
  if (backing.kind === 'broken') return null;
  const { service, port, subset } = backing.cluster;
  const destination = destinationOf(planning.mesh, service, clientNamespace);
  const { loadBalancer } = settingsOf(destination, port.port, subset === '' ? null : subsetOf(destination, subset));
  return loadBalancer.kind === 'set' && loadBalancer.value.kind === 'hash' ? loadBalancer.value.on : null;
}
