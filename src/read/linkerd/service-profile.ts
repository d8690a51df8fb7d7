// ServiceProfile → routes to its service: per-route timeouts and retries, weighted overrides, and a last route for everything else.
import { type Backend, noEdit, type RetryPolicy, type RouteRule, type RouteSet } from '../../model/route.ts';
import { off, type Setting, set, unset } from '../../model/setting.ts';
import { type Hostname, millis, parseHostname, parsePort } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser, refine, show } from '../field/parser.ts';
import { boolean, count, goDuration, name, number, quantity, text } from '../field/values.ts';
import { serviceOfHost } from '../service-host.ts';
import { wholeWeights } from '../weights.ts';
import { readCondition } from './condition.ts';

export function readServiceProfile(root: Fields): RouteSet | null {
  const host = parseHostname(root.source.name);
  const service = host === null ? null : serviceOfHost(host);
  if (host === null || service === null) {
    root.error('', 'invalid', 'its name is not that of a service', 'as in web.shop.svc.cluster.local');
    root.ignoreRest();
    return null;
  }
  return root.requireObject('spec', (spec) => {
    const retries = readBudget(spec);
    const backends = readOverrides(spec, host);
    const routes = spec.objects('routes', (route) => readRoute(route, backends, retries));
    spec.unsupported('opaquePorts');
    const own = root.source.namespace;
    const clients =
      service.namespace === own ? ({ kind: 'all' } as const) : ({ kind: 'namespaces', names: [own] } as const);
    return {
      origin: root.origin(),
      created: root.source.created,
      attachments: [{ kind: 'service', host, port: null, clients, origin: root.origin() }],
      order: 'listed',
      rules: [...routes.filter((route) => route !== null), restOf(root, backends)],
    };
  });
}

function readRoute(route: Fields, backends: readonly Backend[], retries: Setting<RetryPolicy>): RouteRule | null {
  const named = route.require('name', name);
  const matches = route.requireObject('condition', readCondition);
  const retryable = route.get('isRetryable', boolean) === true;
  const timeout = route.get('timeout', goDuration);
  route.unsupported('responseClasses');
  if (matches === null || matches.length === 0) {
    if (matches !== null) route.warn('condition', 'invalid', 'cannot be applied: the route is left out');
    return null;
  }
  return {
    ...restOf(route, backends),
    name: named ?? '',
    matches,
    timeout: timeout === null ? unset : timeout === 0 ? off : set(timeout),
    retry: retryable ? retries : off,
  };
}

/** Requests that no route names have neither timeout nor retries. */
const restOf = (fields: Fields, backends: readonly Backend[]): RouteRule => ({
  name: '',
  matches: [],
  action: { kind: 'forward', backends, rewrite: null, mirrors: [] },
  requestHeaders: noEdit,
  responseHeaders: noEdit,
  timeout: unset,
  retry: off,
  fault: null,
  origin: fields.origin(),
});

const DEFAULT_BUDGET = { ratio: 0.2, minPerSecond: 10, window: millis(10_000) };
const MIN_WINDOW = 1_000;
const MAX_WINDOW = 60_000;

/** A budget that is not valid retries nothing. */
function readBudget(spec: Fields): Setting<RetryPolicy> {
  const budget = spec.object('retryBudget', (fields) => {
    const ratio = fields.require('retryRatio', number(0, 1000));
    const minPerSecond = fields.require('minRetriesPerSecond', count);
    const window = fields.require('ttl', goDuration);
    if (window !== null && (window < MIN_WINDOW || window > MAX_WINDOW)) {
      fields.error('ttl', 'invalid', 'is not between 1s and 60s: nothing is retried');
    }
    return ratio === null || minPerSecond === null || window === null || fields.failed
      ? null
      : { ratio, minPerSecond, window };
  });
  if (spec.has('retryBudget') && budget === null) return off;
  return set({
    limit: { kind: 'budget', ...(budget ?? DEFAULT_BUDGET) },
    on: ['5xx'],
    statuses: [],
    perTryTimeout: unset,
    backoff: null,
  });
}

type Authority = { readonly host: Hostname; readonly port: ReturnType<typeof parsePort> };

const authority: Parser<Authority> = refine(text, (written) => {
  const [hostPart = '', portPart, rest] = written.split(':');
  const host = parseHostname(hostPart);
  const port = portPart === undefined ? null : parsePort(/^\d{1,5}$/.test(portPart) ? Number(portPart) : null);
  const wrong = host === null || rest !== undefined || (portPart !== undefined && port === null);
  return wrong ? bad(`${show(written)} is not an authority`, 'host:port') : good({ host, port });
});

function readOverrides(spec: Fields, host: Hostname): Backend[] {
  const overrides = spec.objects('dstOverrides', (fields) => {
    const to = fields.require('authority', authority);
    const weight = fields.require('weight', quantity);
    return to === null || weight === null ? null : { to, weight, origin: fields.origin() };
  });
  const known = overrides.filter((override) => override !== null);
  const weights = wholeWeights(known.map(({ weight }) => weight));
  if (known.length === 0) return [backendOf({ host, port: null }, 1, spec)];
  return known.map(({ to, origin }, index) => ({ ...backendOf(to, weights[index]!, spec), origin }));
}

const backendOf = ({ host, port }: Authority, weight: number, fields: Fields): Backend => ({
  target: { kind: 'service', host, port, subset: null, grant: null },
  weight,
  requestHeaders: noEdit,
  responseHeaders: noEdit,
  origin: fields.origin(),
});
