// The conditions of an AuthorizationPolicy rule: `source`, `operation`, `when`. A condition that cannot be read is left out
// (and reported): the rule decides what that means.
import type { StringMatch } from '../../model/match.ts';
import type { Predicate, RequestTerm, SourceTerm } from '../../model/policy.ts';
import { parsePort } from '../../model/units.ts';
import { cidr } from '../field/address.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser, parserOf, refine, show } from '../field/parser.ts';
import { headerName, name } from '../field/values.ts';
import { all, always, any, not, term } from '../predicate.ts';
import { starMatch } from './string-match.ts';

type Term = SourceTerm | RequestTerm;

export function readSource(fields: Fields, namespace: string): Predicate<SourceTerm> {
  const parts = [
    ...both(fields, 'principals', 'notPrincipals', principal),
    ...both(fields, 'namespaces', 'notNamespaces', sourceNamespace),
    ...both(fields, 'serviceAccounts', 'notServiceAccounts', serviceAccount(namespace)),
    ...both(fields, 'ipBlocks', 'notIpBlocks', peerIp),
    ...both(fields, 'remoteIpBlocks', 'notRemoteIpBlocks', clientIp),
  ];
  fields.unsupported('requestPrincipals', 'notRequestPrincipals', 'trustDomains', 'notTrustDomains');
  if (fields.has('serviceAccounts') && (fields.has('namespaces') || fields.has('principals'))) {
    fields.error('serviceAccounts', 'invalid', 'cannot be combined with namespaces or principals');
  }
  if (parts.length === 0 && fields.complete()) fields.error('', 'invalid', 'is empty', 'leave "from" out for everyone');
  return all(parts);
}

export function readOperation(fields: Fields): Predicate<RequestTerm> {
  const parts = [
    ...both(fields, 'hosts', 'notHosts', host),
    ...both(fields, 'methods', 'notMethods', method),
    ...both(fields, 'paths', 'notPaths', path),
    ...both(fields, 'ports', 'notPorts', workloadPort),
  ];
  if (parts.length === 0 && fields.complete()) fields.error('', 'invalid', 'is empty', 'leave "to" out for everything');
  return all(parts);
}

export type Condition = { readonly who: Predicate<SourceTerm>; readonly what: Predicate<RequestTerm> };

const HEADER_KEY = /^request\.headers\[([^\]]+)\]$/;

export function readWhen(fields: Fields, namespace: string): Condition {
  const key = fields.require('key', name) ?? '';
  if (!fields.has('values') && !fields.has('notValues'))
    fields.error('', 'invalid', 'has neither values nor notValues');
  const source = sourceKeys(namespace).get(key);
  if (source !== undefined) return { who: all(both(fields, 'values', 'notValues', source)), what: always };
  const header = HEADER_KEY.exec(key)?.[1];
  const request = key === 'destination.port' ? workloadPort : header === undefined ? null : headerTerm(header);
  if (request !== null) return { who: always, what: all(both(fields, 'values', 'notValues', request)) };
  if (key !== '') fields.error('key', 'unsupported', `condition ${show(key)} is not applied yet`);
  fields.ignore('values', 'notValues');
  return { who: always, what: always };
}

/** One of the first list, and none of the second. */
function both<T extends Term>(fields: Fields, yes: string, no: string, parse: Parser<T>): Predicate<T>[] {
  const allowed = fields.everyOf(yes, parse);
  const forbidden = fields.everyOf(no, parse);
  const parts: Predicate<T>[] = [];
  if (allowed !== null) parts.push(any(allowed.map(term)));
  if (forbidden !== null) parts.push(not(any(forbidden.map(term))));
  return parts;
}

/** A match written with stars, as a term. */
const starTerm = <T extends Term>(make: (match: StringMatch) => T): Parser<T> =>
  refine(name, (written) => {
    const inner = written.replace(/^\*|\*$/g, '');
    if (written !== '*' && inner.includes('*')) return bad(`${show(written)} has a "*" inside`, 'only at one end');
    if (written !== '*' && written.startsWith('*') && written.endsWith('*')) {
      return bad(`${show(written)} has a "*" at both ends`, 'only at one end');
    }
    return good(make(starMatch(written)));
  });

const principal: Parser<SourceTerm> = starTerm((match) =>
  match.kind === 'present' ? { kind: 'authenticated' } : { kind: 'principal', match: withoutScheme(match) },
);

/** Istio writes principals without `spiffe://`; some people do not. */
function withoutScheme(match: StringMatch): StringMatch {
  return match.kind === 'exact' || match.kind === 'prefix'
    ? { ...match, value: match.value.replace(/^spiffe:\/\//, '') }
    : match;
}

const sourceNamespace: Parser<SourceTerm> = starTerm((match) => ({ kind: 'namespace', match }));

/** `namespace/name`, or a name in the policy's own namespace. */
const serviceAccount = (namespace: string): Parser<SourceTerm> =>
  refine(name, (written) => {
    const parts = written.split('/');
    const [ns, account] = parts.length === 1 ? [namespace, written] : parts;
    if (parts.length > 2 || !ns || !account) return bad(`${show(written)} is not a service account`, 'namespace/name');
    return good({ kind: 'service-account', namespace: ns, name: account });
  });

const peerIp: Parser<SourceTerm> = refine(cidr, (range) => good({ kind: 'peer-ip', cidr: range }));
const clientIp: Parser<SourceTerm> = refine(cidr, (range) => good({ kind: 'client-ip', cidr: range }));

const host: Parser<RequestTerm> = starTerm((match) => ({ kind: 'host', match }));
const method: Parser<RequestTerm> = starTerm((match) => ({ kind: 'method', match }));
const plainPath: Parser<RequestTerm> = starTerm((match) => ({ kind: 'path', match }));

const TEMPLATE = /\{\*\*\}|\{\*\}/g;

/** `{*}` is one segment, `{**}` any number; with them the rest is literal. */
const path: Parser<RequestTerm> = (raw) => {
  if (typeof raw !== 'string' || !/\{\*{1,2}\}/.test(raw)) return plainPath(raw);
  if (raw.replace(TEMPLATE, '').match(/[*{}]/) !== null) return bad(`${show(raw)} is not a path template`);
  const literals = raw.split(TEMPLATE).map(escapeRegex);
  const holes = [...raw.matchAll(TEMPLATE)].map(([hole]) => (hole === '{*}' ? '[^/]+' : '.*'));
  const value = literals.map((literal, index) => literal + (holes[index] ?? '')).join('');
  return good({ kind: 'path', match: { kind: 'regex', value } });
};

const escapeRegex = (literal: string): string => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const workloadPort: Parser<RequestTerm> = parserOf(
  'a port',
  (raw) => {
    const port = typeof raw === 'string' && /^\d{1,5}$/.test(raw) ? parsePort(Number(raw)) : null;
    return port === null ? null : { kind: 'port', port };
  },
  '1-65535, in quotes',
);

function headerTerm(written: string): Parser<RequestTerm> | null {
  const parsed = headerName(written);
  return parsed.ok ? starTerm((match) => ({ kind: 'header', name: parsed.value, match })) : null;
}

const sourceKeys = (namespace: string): ReadonlyMap<string, Parser<SourceTerm>> =>
  new Map([
    ['source.ip', peerIp],
    ['remote.ip', clientIp],
    ['source.namespace', sourceNamespace],
    ['source.principal', principal],
    ['source.serviceAccount', serviceAccount(namespace)],
  ]);
