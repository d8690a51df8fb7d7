// `rules[]` → RouteRule.
import type { Backend, RetryPolicy, RouteAction, RouteRule } from '../../model/route.ts';
import { off, type Setting, set, unset } from '../../model/setting.ts';
import { type Millis, millis } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { count, gatewayDuration, httpStatus, integer, text } from '../field/values.ts';
import { broken, readBackendTarget } from './backend.ts';
import { type Filters, readFilters } from './http-filter.ts';
import { defaultMatch, readHttpMatch } from './http-match.ts';

/** null when it has matches and none of them can be read. */
export function readHttpRule(fields: Fields): RouteRule | null {
  const written = fields.objects('matches', readHttpMatch);
  const matches = written.filter((match) => match !== null);
  const unreadable = fields.has('matches') && matches.length === 0 && (written.length > 0 || fields.failed);
  const { filters, backends } = together(readFilters(fields), fields.objects('backendRefs', readBackendRef));
  const action = actionOf(fields, filters, backends);
  const limits = readLimits(fields);
  const name = fields.get('name', text) ?? '';
  fields.unsupported('sessionPersistence');
  if (unreadable) {
    fields.error('matches', 'invalid', 'none of its matches can be read: the rule is left out');
    return null;
  }
  return {
    name,
    matches: matches.length === 0 ? [defaultMatch(fields.origin())] : matches,
    action,
    requestHeaders: filters.requestHeaders,
    responseHeaders: filters.responseHeaders,
    ...limits,
    fault: null,
    origin: fields.origin(),
  };
}

function actionOf(fields: Fields, filters: Filters, backends: readonly Backend[]): RouteAction {
  const fail = (reason: string): RouteAction => ({ kind: 'fail', status: 500, reason });
  if (!filters.sound) return fail('a filter cannot be applied');
  if (filters.redirect !== null && filters.rewrite !== null) {
    fields.error('filters', 'invalid', 'RequestRedirect and URLRewrite exclude each other');
    return fail('invalid filters');
  }
  if (filters.redirect !== null) {
    if (backends.length > 0) fields.error('backendRefs', 'invalid', 'never used: the rule redirects');
    return filters.redirect;
  }
  if (backends.length > 0) return { kind: 'forward', backends, rewrite: filters.rewrite, mirrors: filters.mirrors };
  fields.note('', 'has no backends: requests get 500', 'add backendRefs');
  return fail('no backends');
}

const MAX_WEIGHT = 1_000_000;

type BackendRef = { readonly ref: Fields; readonly backend: Backend; readonly filters: Filters };

function readBackendRef(ref: Fields): BackendRef {
  const target = readBackendTarget(ref);
  const weight = ref.get('weight', integer(0, MAX_WEIGHT)) ?? 1;
  const filters = readFilters(ref);
  const backend: Backend = {
    target: filters.sound ? target : broken('a filter cannot be applied'),
    weight,
    requestHeaders: filters.requestHeaders,
    responseHeaders: filters.responseHeaders,
    origin: ref.origin(),
  };
  return { ref, backend, filters };
}

/** What the only backend redirects, rewrites or mirrors, the rule does. Where there are several, only their header filters can be applied. */
function together(own: Filters, refs: readonly BackendRef[]): { filters: Filters; backends: readonly Backend[] } {
  const [only] = refs;
  if (refs.length !== 1 || only === undefined || only.backend.weight === 0 || onlyEdits(only.filters)) {
    return { filters: own, backends: refs.map(withEdits) };
  }
  const { redirect, rewrite, mirrors } = only.filters;
  const twice = (own.redirect !== null && redirect !== null) || (own.rewrite !== null && rewrite !== null);
  if (twice) only.ref.error('filters', 'invalid', 'the rule has a filter of that type too');
  const filters: Filters = {
    ...own,
    redirect: own.redirect ?? redirect,
    rewrite: own.rewrite ?? rewrite,
    mirrors: [...own.mirrors, ...mirrors],
    sound: own.sound && only.filters.sound && !twice,
  };
  return { filters, backends: redirect === null ? [only.backend] : [] };
}

const onlyEdits = ({ redirect, rewrite, mirrors }: Filters): boolean =>
  redirect === null && rewrite === null && mirrors.length === 0;

function withEdits({ ref, backend, filters }: BackendRef): Backend {
  if (onlyEdits(filters)) return backend;
  ref.error('filters', 'unsupported', 'beside other backends only header filters are applied: it gets 500');
  return { ...backend, target: broken('a filter cannot be applied') };
}

function readLimits(fields: Fields): Pick<RouteRule, 'timeout' | 'retry'> {
  const timeouts = fields.object('timeouts', (part) => ({
    request: readTimeout(part, 'request'),
    backend: readTimeout(part, 'backendRequest'),
  })) ?? { request: unset, backend: unset };
  const retry = fields.object('retry', (part) => readRetry(part, timeouts.backend)) ?? unset;
  // With one attempt only, the limit of the attempt is the limit of the exchange.
  if (retry.kind === 'set') return { timeout: timeouts.request, retry };
  return { timeout: shorter(timeouts.request, timeouts.backend), retry };
}

/** GEP-1742: `0s` switches the limit off. */
function readTimeout(fields: Fields, key: string): Setting<Millis> {
  const duration = fields.get(key, gatewayDuration);
  if (duration === null) return unset;
  return duration === 0 ? off : set(duration);
}

function shorter(a: Setting<Millis>, b: Setting<Millis>): Setting<Millis> {
  if (b.kind !== 'set') return a;
  return a.kind === 'set' && a.value <= b.value ? a : b;
}

const MAX_BACKOFF_FACTOR = 10;

/** GEP-1731: the listed statuses, and connections that fail before a request was processed. */
function readRetry(fields: Fields, perTryTimeout: Setting<Millis>): Setting<RetryPolicy> {
  const statuses = fields.list('codes', httpStatus);
  const attempts = fields.get('attempts', count) ?? 1;
  const backoff = fields.get('backoff', gatewayDuration);
  if (attempts === 0) return off;
  return set({
    limit: { kind: 'attempts', retries: attempts },
    on: ['connect-failure', 'refused-stream', ...(statuses.length > 0 ? ['retriable-status-codes'] : [])],
    statuses,
    perTryTimeout,
    backoff: backoff === null || backoff === 0 ? null : { base: backoff, max: millis(backoff * MAX_BACKOFF_FACTOR) },
  });
}
