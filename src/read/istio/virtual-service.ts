// VirtualService → route sets. Usually one; matches that name gateways or ports split it, because a set says the same everywhere it applies.
import type { RouteAttachment, RouteRule, RouteSet } from '../../model/route.ts';
import { type Audience, reaches } from '../../model/service.ts';
import type { Hostname, Port } from '../../model/units.ts';
import { audienceOf } from '../export-to.ts';
import type { Fields } from '../field/fields.ts';
import { name, text } from '../field/values.ts';
import { hostIn } from './host.ts';
import { readHttpRule, type ScopedRule } from './http-rule.ts';

const MESH = 'mesh';

export function readVirtualService(root: Fields): RouteSet[] {
  return root.requireObject('spec', (spec) => readSpec(root, spec)) ?? [];
}

function readSpec(root: Fields, spec: Fields): RouteSet[] {
  const hosts = spec.list('hosts', hostIn(root.source.namespace));
  if (!spec.has('hosts')) spec.error('', 'invalid', 'hosts is missing', 'the names that clients ask for');
  const gateways = spec.has('gateways') ? spec.list('gateways', name) : [MESH];
  const clients = audienceOf(spec.list('exportTo', text), root.source.namespace);
  const rules = spec.objects('http', readHttpRule).filter((rule) => rule !== null);
  for (const section of ['tls', 'tcp']) {
    if (spec.has(section)) spec.warn(section, 'unsupported', `${section} routes are not applied yet`);
    spec.ignore(section);
  }
  if (rules.length === 0) return [];
  const source: Source = { root, spec, hosts, clients };
  return scopesOf(gateways, rules).flatMap((scope) => readScope(source, scope, rules));
}

type Source = {
  readonly root: Fields;
  readonly spec: Fields;
  readonly hosts: readonly Hostname[];
  readonly clients: Audience;
};

/** Where the same rules hold. `port: null` is every port that no other scope names. */
type Scope = { readonly gateways: readonly string[]; readonly port: Port | null };

function scopesOf(gateways: readonly string[], rules: readonly ScopedRule[]): Scope[] {
  const matches = rules.flatMap((rule) => rule.matches);
  const groups = matches.some((match) => match.gateways !== null) ? gateways.map((gateway) => [gateway]) : [gateways];
  const ports = [...new Set(matches.map((match) => match.port).filter((port) => port !== null))].sort((a, b) => a - b);
  return groups.flatMap((group) => [...ports, null].map((port) => ({ gateways: group, port })));
}

function readScope(source: Source, scope: Scope, rules: readonly ScopedRule[]): RouteSet[] {
  const held = rules.map((rule) => ruleIn(scope, rule)).filter((rule) => rule !== null);
  const attachments = scope.gateways.flatMap((gateway) => attach(source, gateway, scope.port));
  if (held.length === 0 || attachments.length === 0) return [];
  const { root } = source;
  return [{ origin: root.origin(), created: root.source.created, attachments, order: 'listed', rules: held }];
}

/** The rule with the matches that hold there; null when it has some and none holds. */
function ruleIn({ gateways, port }: Scope, { rule, matches }: ScopedRule): RouteRule | null {
  if (matches.length === 0) return rule;
  const held = matches.filter(
    (match) =>
      (match.port === null || match.port === port) &&
      (match.gateways === null || match.gateways.some((gateway) => gateways.includes(gateway))),
  );
  return held.length === 0 ? null : { ...rule, matches: held.map(({ match }) => match) };
}

function attach({ root, spec, hosts, clients }: Source, gateway: string, port: Port | null): RouteAttachment[] {
  if (gateway === MESH) {
    return hosts.map((host, index) => ({ kind: 'service', host, port, clients, origin: spec.origin('hosts', index) }));
  }
  const [namespace = '', gatewayName = ''] = gateway.includes('/')
    ? gateway.split('/', 2)
    : [root.source.namespace, gateway];
  if (!reaches(clients, namespace)) {
    spec.warn('exportTo', 'note', `is not exported to namespace ${namespace}: gateway ${gateway} does not use it`);
    return [];
  }
  return [
    {
      kind: 'gateway',
      gateway: { namespace, name: gatewayName },
      section: null,
      port,
      hosts,
      origin: spec.origin('gateways'),
    },
  ];
}
