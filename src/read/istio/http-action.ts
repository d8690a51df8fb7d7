// What an `http[]` rule does: route, redirect or directResponse, with rewrite and mirrors.
import type { Backend, Mirror, Rewrite, RouteAction } from '../../model/route.ts';
import { type BasisPoints, parseBasisPoints } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser, refine } from '../field/parser.ts';
import { count, httpStatus, integer, oneOf, percent, port, regex, text } from '../field/values.ts';
import { readDestination, readHeaderEdits } from './destination.ts';

type Redirect = Extract<RouteAction, { kind: 'redirect' }>;
type Respond = Extract<RouteAction, { kind: 'respond' }>;

export function readHttpAction(rule: Fields): RouteAction {
  const redirect = rule.object('redirect', readRedirect);
  const respond = rule.object('directResponse', readDirectResponse);
  const backends = readBackends(rule);
  const rewrite = rule.object('rewrite', readRewrite);
  const mirrors = readMirrors(rule);
  rule.unsupported('delegate');
  const said = ['route', 'redirect', 'directResponse', 'delegate'].filter((key) => rule.has(key));
  if (said.length > 1) rule.error('', 'invalid', `has ${said.join(' and ')}`, 'a rule does one thing');
  if (said.length === 0) rule.error('', 'invalid', 'has none of route, redirect and directResponse');
  if (said.length !== 1) return broken('invalid rule');
  if (rule.has('delegate')) return broken('delegates are not applied yet');
  if (rule.has('redirect')) return redirect ?? broken('invalid redirect');
  if (rule.has('directResponse')) return respond ?? broken('invalid directResponse');
  return { kind: 'forward', backends, rewrite, mirrors };
}

const broken = (reason: string): RouteAction => ({ kind: 'fail', status: 500, reason });

function readBackends(rule: Fields): Backend[] {
  const weights: (number | null)[] = [];
  const backends = rule.objects('route', (fields) => {
    const target = fields.requireObject('destination', readDestination);
    const headers = readHeaderEdits(fields);
    weights.push(fields.get('weight', count));
    return {
      target: target ?? ({ kind: 'fail', status: 500, reason: 'no destination' } as const),
      weight: 0,
      requestHeaders: headers.request,
      responseHeaders: headers.response,
      origin: fields.origin(),
    };
  });
  // The weight of a single destination is ignored; among several, one without a weight has none.
  if (backends.length === 1) return backends.map((backend) => ({ ...backend, weight: 1 }));
  const weighted = backends.map((backend, index) => ({ ...backend, weight: weights[index] ?? 0 }));
  if (weighted.length > 0 && weighted.every(({ weight }) => weight === 0)) {
    rule.error('route', 'invalid', 'all weights are 0: the rule answers 500', 'give one of them a weight');
  }
  return weighted;
}

const redirectStatus: Parser<Redirect['status']> = (raw) => {
  const status = ([301, 302, 303, 307, 308] as const).find((known) => known === raw);
  return status === undefined ? bad('is not a redirect status', '301, 302, 303, 307 or 308') : good(status);
};

function readRedirect(fields: Fields): Redirect | null {
  const full = fields.get('uri', text);
  const prefix = fields.get('prefixRewrite', text);
  const host = fields.get('authority', text);
  const number = fields.get('port', port);
  const scheme = fields.get('scheme', oneOf('http', 'https'));
  const status = fields.get('redirectCode', redirectStatus) ?? 301;
  const derive = fields.get('derivePort', oneOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'));
  if (derive === 'FROM_REQUEST_PORT') fields.warn('derivePort', 'unsupported', 'FROM_REQUEST_PORT is not applied yet');
  if (full !== null && prefix !== null)
    fields.error('', 'invalid', 'uri and prefixRewrite are both given', 'choose one');
  if (fields.failed) return null;
  const path = full !== null ? ({ kind: 'full', value: full } as const) : prefixRewrite(prefix);
  return { kind: 'redirect', scheme, host, port: number, path, status };
}

const prefixRewrite = (value: string | null) => (value === null ? null : ({ kind: 'prefix', value } as const));

const MAX_BODY = 4096;
const base64: Parser<string> = refine(text, (value) => {
  const bytes = Buffer.from(value, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === value.replace(/=+$/, '')
    ? good(bytes.toString('utf8'))
    : bad('is not base64');
});

function readDirectResponse(fields: Fields): Respond | null {
  const status = fields.require('status', httpStatus);
  const body = fields.object('body', (content) => content.get('string', text) ?? content.get('bytes', base64)) ?? '';
  // Envoy's own limit on inline bodies.
  if (body.length > MAX_BODY) fields.error('body', 'invalid', `is longer than ${MAX_BODY} characters`);
  return status === null || fields.failed ? null : { kind: 'respond', status, body };
}

function readRewrite(fields: Fields): Rewrite {
  const uri = fields.get('uri', text);
  const host = fields.get('authority', text);
  const byRegex = fields.object('uriRegexRewrite', (rewrite) => {
    const pattern = rewrite.require('match', regex);
    const substitution = rewrite.require('rewrite', text);
    return pattern === null || substitution === null ? null : ({ kind: 'regex', pattern, substitution } as const);
  });
  if (uri !== null && byRegex !== null) {
    fields.error('', 'invalid', 'uri and uriRegexRewrite are both given: uri is taken', 'choose one');
  }
  // `prefix` replaces what the rule's own path match covered: all of the path after an exact match or a pattern.
  return { host, path: prefixRewrite(uri) ?? byRegex };
}

const ALL = parseBasisPoints(100)!;

function readMirrors(rule: Fields): Mirror[] {
  const single = rule.object('mirror', (fields) => ({ target: readDestination(fields), origin: fields.origin() }));
  const share = readPercentage(rule, 'mirrorPercentage') ?? deprecatedPercent(rule) ?? ALL;
  const listed = rule.objects('mirrors', (fields) => ({
    target: fields.requireObject('destination', readDestination),
    share: readPercentage(fields, 'percentage') ?? ALL,
    origin: fields.origin(),
  }));
  return [...(single === null ? [] : [{ ...single, share }]), ...listed].flatMap(({ target, share, origin }) =>
    target?.kind === 'service' ? [{ target, share, origin }] : [],
  );
}

const deprecatedPercent = (rule: Fields): BasisPoints | null => {
  const values = ['mirrorPercent', 'mirror_percent'].map((key) => rule.get(key, refine(integer(0, 100), percent)));
  return values.find((value) => value !== null) ?? null;
};

/** `{value: 12.5}`; null when absent. */
export function readPercentage(parent: Fields, key: string): BasisPoints | null {
  return parent.object(key, (fields) => fields.get('value', percent) ?? parseBasisPoints(0));
}
