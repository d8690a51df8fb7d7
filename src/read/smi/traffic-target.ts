// TrafficTarget → an allow policy for its destination's service account. Targets add up; what cannot be read allows nothing.
import type { StringMatch } from '../../model/match.ts';
import type {
  AuthorizationPolicy,
  AuthorizationRule,
  PolicyTarget,
  Predicate,
  RequestTerm,
  SourceTerm,
} from '../../model/policy.ts';
import { parsePort } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { parserOf } from '../field/parser.ts';
import { name, oneOf } from '../field/values.ts';
import { all, always, any, never, term } from '../predicate.ts';
import type { HttpMatch, Specs } from './route-group.ts';

export function readTrafficTarget(root: Fields, specs: Specs): AuthorizationPolicy | null {
  // v1alpha1 has everything at the top, and calls the rules `specs`.
  if (!root.has('spec') && root.has('destination')) return readTarget(root, root, 'specs', specs);
  const read = root.requireObject('spec', (spec) => ({ policy: readTarget(root, spec, 'rules', specs) }));
  return read === null ? closedNamespace(root) : read.policy;
}

function readTarget(root: Fields, spec: Fields, rulesKey: string, specs: Specs): AuthorizationPolicy | null {
  const target = spec.requireObject('destination', readDestination);
  const sources = spec.objects('sources', readSource);
  const rules = spec.objects(rulesKey, (rule) => readRule(rule, specs));
  for (const key of ['sources', rulesKey]) {
    if (!spec.has(key)) spec.error('', 'invalid', `${key} is missing: nothing is allowed`);
  }
  if (target === 'elsewhere') return null;
  if (target === null) return closedNamespace(root);
  const who = any(sources.filter((source) => source !== null).map(term));
  return { target, action: 'allow', rules: combine(who, rules, spec), origin: root.origin() };
}

/** Whom it protects is not known: nobody of its namespace is to be open because of that. */
function closedNamespace(root: Fields): AuthorizationPolicy {
  root.error('', 'invalid', 'its destination cannot be read: it allows nothing, and closes all of its namespace');
  const target: PolicyTarget = { namespace: root.source.namespace, workloads: { kind: 'all' }, port: { kind: 'any' } };
  return { target, action: 'allow', rules: [], origin: root.origin() };
}

/** `elsewhere`: a destination that this object may not speak for; null: it cannot be read. */
function readDestination(fields: Fields): PolicyTarget | 'elsewhere' | null {
  const account = readSubject(fields);
  const port = fields.get('port', portOrName);
  if (account === null) return null;
  const own = fields.source.namespace;
  if (account.namespace !== own) {
    const message = `the traffic target namespace (${own}) must match spec.destination.namespace (${account.namespace})`;
    fields.error('namespace', 'invalid', message);
    return 'elsewhere';
  }
  return { namespace: own, workloads: { kind: 'service-account', name: account.name }, port: port ?? { kind: 'any' } };
}

const portOrName = parserOf('a port', (raw): PolicyTarget['port'] | null => {
  const number = parsePort(typeof raw === 'string' && /^\d{1,5}$/.test(raw) ? Number(raw) : raw);
  if (number !== null) return { kind: 'number', port: number };
  return typeof raw === 'string' && /^[a-z][a-z0-9-]*$/.test(raw) ? { kind: 'name', name: raw } : null;
});

function readSource(fields: Fields): SourceTerm | null {
  const account = readSubject(fields);
  return account === null ? null : { kind: 'service-account', ...account };
}

function readSubject(fields: Fields): { namespace: string; name: string } | null {
  const kind = fields.require('kind', oneOf('ServiceAccount', 'IdentityBinding'));
  const named = fields.require('name', name);
  const namespace = fields.get('namespace', name) ?? fields.source.namespace;
  if (kind === 'IdentityBinding') fields.error('kind', 'unsupported', 'IdentityBinding is not applied yet');
  return named === null || fields.failed ? null : { namespace, name: named };
}

type Rule =
  | { readonly kind: 'http'; readonly what: Predicate<RequestTerm>; readonly fields: Fields }
  | { readonly kind: 'tcp'; readonly what: Predicate<RequestTerm> }
  | { readonly kind: 'broken' };

function readRule(rule: Fields, { groups, tcpRoutes }: Specs): Rule {
  const kind = rule.require('kind', oneOf('HTTPRouteGroup', 'TCPRoute', 'UDPRoute'));
  const named = rule.require('name', name);
  const key = `${rule.source.namespace}/${named}`;
  if (kind === 'HTTPRouteGroup' && named !== null) {
    const group = groups.get(key);
    if (group === undefined) rule.error('name', 'dangling', `there is no HTTPRouteGroup ${named}: nothing is allowed`);
    return { kind: 'http', what: any(readMatches(rule, group ?? new Map())), fields: rule };
  }
  rule.ignore('matches');
  if (kind === 'TCPRoute' && named !== null) {
    const ports = tcpRoutes.get(key);
    if (ports === undefined) rule.error('name', 'dangling', `there is no TCPRoute ${named}: nothing is allowed`);
    if (ports == null) return { kind: 'broken' };
    return { kind: 'tcp', what: ports.length === 0 ? always : any(ports.map((port) => term({ kind: 'port', port }))) };
  }
  if (kind === 'UDPRoute') rule.warn('kind', 'unsupported', 'UDPRoute is not applied yet: it allows nothing');
  return { kind: 'broken' };
}

function readMatches(rule: Fields, group: ReadonlyMap<string, HttpMatch | null>): Predicate<RequestTerm>[] {
  const names = rule.has('matches') ? rule.list('matches', name) : [...group.keys()];
  if (!rule.has('matches') && group.size > 0) {
    rule.note('', 'without matches every match of the group is allowed', 'Open Service Mesh allowed none');
  }
  rule.ignore('matches');
  return names.flatMap((named) => {
    const match = group.get(named);
    if (match === undefined && group.size > 0) rule.error('matches', 'dangling', `the group has no match ${named}`);
    return match == null ? [] : [predicateOf(match)];
  });
}

function predicateOf({ path, methods, headers }: HttpMatch): Predicate<RequestTerm> {
  const pattern = (value: string): StringMatch => ({ kind: 'regex', value });
  const parts: Predicate<RequestTerm>[] = [];
  if (path !== null) parts.push(term({ kind: 'path', match: pattern(path) }));
  if (methods.length > 0) {
    parts.push(any(methods.map((value) => term({ kind: 'method', match: { kind: 'exact', value } }))));
  }
  for (const header of headers) {
    const match = pattern(header.pattern);
    parts.push(term(header.name === 'host' ? { kind: 'host', match } : { kind: 'header', name: header.name, match }));
  }
  return all(parts);
}

/** HTTP routes and TCP routes of one target hold together; several of one kind are alternatives. */
function combine(who: Predicate<SourceTerm>, rules: readonly Rule[], spec: Fields): AuthorizationRule[] {
  const tcp = rules.filter((rule) => rule.kind === 'tcp').map((rule) => rule.what);
  const broken = rules.some((rule) => rule.kind === 'broken');
  // A TCP route that cannot be read must not leave the HTTP routes open on every port.
  const ports = tcp.length > 0 ? any(tcp) : broken ? never : always;
  const http = rules.filter((rule) => rule.kind === 'http');
  if (http.length > 0) {
    return http.map((rule) => ({ who, what: all([rule.what, ports]), origin: rule.fields.origin() }));
  }
  return tcp.length === 0 ? [] : [{ who, what: ports, origin: spec.origin() }];
}
