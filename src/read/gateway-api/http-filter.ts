// `filters[]` of rules and backends. A filter that cannot be applied makes its rule answer 500: a skipped one would be a hole.

import type { RouteAction } from '../../model/route.ts';
import {
  type HeaderEdit,
  type HeaderValue,
  type Mirror,
  noEdit,
  type PathRewrite,
  type Rewrite,
} from '../../model/route.ts';
import { type BasisPoints, parseBasisPoints } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser } from '../field/parser.ts';
import { headerName, headerValue, hostname, integer, oneOf, percent, port, text } from '../field/values.ts';
import { readBackendTarget } from './backend.ts';

export type Filters = {
  readonly requestHeaders: HeaderEdit;
  readonly responseHeaders: HeaderEdit;
  readonly redirect: Extract<RouteAction, { kind: 'redirect' }> | null;
  readonly rewrite: Rewrite | null;
  readonly mirrors: readonly Mirror[];
  /** At least one filter was understood in full, or there was none: false is "answer 500". */
  readonly sound: boolean;
};

type Part = Partial<Filters>;

const TYPES = {
  RequestHeaderModifier: {
    key: 'requestHeaderModifier',
    read: (at: Fields): Part => ({ requestHeaders: readEdit(at) }),
  },
  ResponseHeaderModifier: {
    key: 'responseHeaderModifier',
    read: (at: Fields): Part => ({ responseHeaders: readEdit(at) }),
  },
  RequestRedirect: { key: 'requestRedirect', read: (at: Fields): Part => ({ redirect: readRedirect(at) }) },
  URLRewrite: { key: 'urlRewrite', read: (at: Fields): Part => ({ rewrite: readRewrite(at) }) },
  RequestMirror: { key: 'requestMirror', read: (at: Fields): Part => ({ mirrors: readMirror(at) }) },
} as const;

const TYPE_NAMES = [
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestRedirect',
  'URLRewrite',
  'RequestMirror',
] as const;
const NOT_YET = ['CORS', 'ExtensionRef', 'ExternalAuth'] as const;

export function readFilters(parent: Fields): Filters {
  let filters: Filters = {
    requestHeaders: noEdit,
    responseHeaders: noEdit,
    redirect: null,
    rewrite: null,
    mirrors: [],
    sound: true,
  };
  const seen = new Set<string>();
  parent.objects('filters', (fields) => {
    const part = readFilter(fields, seen);
    const sound = filters.sound && part !== null && !fields.failed;
    filters = { ...filters, ...part, mirrors: [...filters.mirrors, ...(part?.mirrors ?? [])], sound };
  });
  return filters;
}

function readFilter(fields: Fields, seen: Set<string>): Part | null {
  const type = fields.require('type', oneOf(...TYPE_NAMES, ...NOT_YET));
  if (type === null) {
    fields.ignoreRest();
    return null;
  }
  const known = TYPE_NAMES.find((name) => name === type);
  if (known === undefined) {
    fields.error('type', 'unsupported', `${type} filters are not applied yet: requests get 500`);
    fields.ignoreRest();
    return null;
  }
  if (seen.has(known) && known !== 'RequestMirror')
    fields.error('', 'invalid', `a second ${known} filter`, 'one of each');
  seen.add(known);
  return fields.requireObject(TYPES[known].key, TYPES[known].read);
}

/** Of several entries of one name only the first counts. */
function readEdit(fields: Fields): HeaderEdit {
  return { set: readValues(fields, 'set'), add: readValues(fields, 'add'), remove: fields.list('remove', headerName) };
}

function readValues(fields: Fields, key: string): HeaderValue[] {
  const values = fields.objects(key, (entry) => {
    const name = entry.require('name', headerName);
    const value = entry.require('value', headerValue);
    return name === null || value === null ? null : { name, value };
  });
  const known = values.filter((value) => value !== null);
  return known.filter(({ name }, index) => known.findIndex((other) => other.name === name) === index);
}

const redirectStatus: Parser<301 | 302 | 303 | 307 | 308> = (raw) => {
  const status = ([301, 302, 303, 307, 308] as const).find((known) => known === raw);
  return status === undefined ? bad('is not a redirect status', '301, 302, 303, 307 or 308') : good(status);
};

function readRedirect(fields: Fields): Filters['redirect'] {
  const scheme = fields.get('scheme', oneOf('http', 'https'));
  return {
    kind: 'redirect',
    scheme,
    host: fields.get('hostname', hostname),
    port: fields.get('port', port) ?? (scheme === null ? 'listener' : null),
    path: fields.object('path', readPathRewrite),
    status: fields.get('statusCode', redirectStatus) ?? 302,
  };
}

function readRewrite(fields: Fields): Rewrite {
  return { host: fields.get('hostname', hostname), path: fields.object('path', readPathRewrite) };
}

function readPathRewrite(fields: Fields): PathRewrite | null {
  const type = fields.require('type', oneOf('ReplaceFullPath', 'ReplacePrefixMatch'));
  const key = type === 'ReplacePrefixMatch' ? 'replacePrefixMatch' : 'replaceFullPath';
  const value = fields.require(key, text);
  if (type === null || value === null) return null;
  return type === 'ReplaceFullPath' ? { kind: 'full', value } : { kind: 'prefix', value };
}

const EVERY = parseBasisPoints(100)!;
const MAX_FRACTION = 2 ** 31 - 1;

function readMirror(fields: Fields): Mirror[] {
  const target = fields.requireObject('backendRef', (ref) => readBackendTarget(ref));
  const share = fields.get('percent', percent) ?? fields.object('fraction', readFraction) ?? EVERY;
  return target?.kind === 'service' ? [{ target, share, origin: fields.origin() }] : [];
}

function readFraction(fields: Fields): BasisPoints | null {
  const numerator = fields.require('numerator', integer(0, MAX_FRACTION));
  const denominator = fields.get('denominator', integer(1, MAX_FRACTION)) ?? 100;
  const share = numerator === null ? null : parseBasisPoints((numerator / denominator) * 100);
  if (numerator !== null && share === null) fields.error('', 'invalid', `${numerator}/${denominator} is more than 1`);
  return share;
}
