// One `http[]` rule of a VirtualService → RouteRule, its matches still with their gateways and ports.
import type { Fault, RetryPolicy, RouteRule } from '../../model/route.ts';
import { off, type Setting, set, unset } from '../../model/setting.ts';
import { type Millis, millis, parseBasisPoints } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { boolean, count, goDuration, httpStatus, percent, text } from '../field/values.ts';
import { readHeaderEdits } from './destination.ts';
import { readHttpAction, readPercentage } from './http-action.ts';
import { readHttpMatch, type ScopedMatch } from './http-match.ts';

/** `matches: []` is every request. */
export type ScopedRule = { readonly rule: RouteRule; readonly matches: readonly ScopedMatch[] };

/** null when it has matches and none of them can be applied. */
export function readHttpRule(fields: Fields): ScopedRule | null {
  const written = fields.objects('match', readHttpMatch);
  const matches = written.filter((match) => match !== null);
  const headers = readHeaderEdits(fields);
  const action = readHttpAction(fields);
  const rule: RouteRule = {
    name: fields.get('name', text) ?? '',
    matches: matches.map(({ match }) => match),
    action,
    requestHeaders: headers.request,
    responseHeaders: headers.response,
    timeout: readTimeout(fields, 'timeout'),
    retry: fields.object('retries', readRetries) ?? unset,
    fault: fields.object('fault', readFault),
    origin: fields.origin(),
  };
  fields.unsupported('corsPolicy');
  const unreadable = fields.has('match') && matches.length === 0 && (written.length > 0 || fields.failed);
  if (!unreadable) return { rule, matches };
  fields.warn('match', 'invalid', 'none of its matches can be applied: the rule is left out');
  return null;
}

function readTimeout(fields: Fields, key: string): Setting<Millis> {
  const timeout = fields.get(key, goDuration);
  if (timeout === null) return unset;
  return timeout === 0 ? off : set(timeout);
}

/** What Istio retries on when a rule asks for retries without saying on what. */
const DEFAULT_RETRY_ON = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
const STATUS = /^[1-5]\d\d$/;
const MAX_BACKOFF_FACTOR = 10;

function readRetries(fields: Fields): Setting<RetryPolicy> {
  const attempts = fields.get('attempts', count);
  const words = (fields.get('retryOn', text) || DEFAULT_RETRY_ON).split(',').map((word) => word.trim());
  const perTryTimeout = readTimeout(fields, 'perTryTimeout');
  const base = fields.get('backoff', goDuration);
  fields.unsupported('retryRemoteLocalities');
  if (fields.get('retryIgnorePreviousHosts', boolean) === false) {
    fields.note('retryIgnorePreviousHosts', 'a retry still prefers another endpoint');
  }
  if (attempts === 0) return off;
  if (attempts === null && fields.failed) return unset;
  const statuses = words.filter((word) => STATUS.test(word)).map(Number);
  const on = words.filter((word) => word !== '' && !STATUS.test(word));
  if (statuses.length > 0 && !on.includes('retriable-status-codes')) on.push('retriable-status-codes');
  return set({
    limit: { kind: 'attempts', retries: attempts ?? 2 },
    on,
    statuses,
    perTryTimeout,
    backoff: base === null || base === 0 ? null : { base, max: millis(base * MAX_BACKOFF_FACTOR) },
  });
}

const ALWAYS = parseBasisPoints(100)!;

function readFault(fields: Fields): Fault | null {
  const delay = fields.object('delay', (part) => {
    const fixed = part.get('fixedDelay', goDuration);
    const share = readPercentage(part, 'percentage') ?? part.get('percent', percent) ?? ALWAYS;
    part.unsupported('exponentialDelay');
    return fixed === null || part.failed ? null : { fixed, share };
  });
  const abort = fields.object('abort', (part) => {
    const status = part.get('httpStatus', httpStatus);
    const share = readPercentage(part, 'percentage') ?? part.get('percent', percent) ?? ALWAYS;
    part.unsupported('grpcStatus', 'http2Error');
    return status === null || part.failed ? null : { status, share };
  });
  return delay === null && abort === null ? null : { delay, abort };
}
