// TrafficSplit → weighted routes for its root service; with `matches` only for those requests, the rest goes to the root.
import type { RequestMatch, StringMatch } from '../../model/match.ts';
import { describeObject, type Origin } from '../../model/origin.ts';
import type { Problem } from '../../model/problem.ts';
import { type Backend, noEdit, type RouteRule, type RouteSet } from '../../model/route.ts';
import { unset } from '../../model/setting.ts';
import type { Hostname } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { name, oneOf, quantity } from '../field/values.ts';
import { expandServiceName, serviceHost, serviceOfHost } from '../service-host.ts';
import { wholeWeights } from '../weights.ts';
import type { HttpMatch, Specs } from './route-group.ts';

export type Split = { readonly root: Hostname; readonly routes: RouteSet };

export function readTrafficSplit(object: Fields, specs: Specs): Split | null {
  return object.requireObject('spec', (spec) => {
    const root = readRoot(spec);
    const backends = readBackends(spec);
    const matches = spec.has('matches') ? readMatches(spec, specs) : null;
    spec.ignore('matches');
    if (backends.length > 0 && backends.every(({ weight }) => weight === 0)) {
      spec.error('backends', 'invalid', 'all weights are 0: the split is left out', 'give one of them a weight');
      return null;
    }
    if (root === null || backends.length === 0) return null;
    const split = ruleOf(matches ?? [], backends, object.origin());
    const rest = ruleOf([], [backendOf(root, 1, object.origin())], object.origin());
    const rules = matches === null ? [split] : matches.length === 0 ? [rest] : [split, rest];
    return { root, routes: routesOf(object, spec, root, rules) };
  });
}

function routesOf(object: Fields, spec: Fields, host: Hostname, rules: readonly RouteRule[]): RouteSet {
  return {
    origin: object.origin(),
    created: object.source.created,
    attachments: [{ kind: 'service', host, port: null, clients: { kind: 'all' }, origin: spec.origin('service') }],
    order: 'listed',
    rules,
  };
}

/** OSM 1.2 accepts every form of the name; the root lives in the split's namespace. */
function readRoot(spec: Fields): Hostname | null {
  const written = spec.require('service', name);
  if (written === null) return null;
  const host = expandServiceName(written, spec.source.namespace);
  const service = host === null ? null : serviceOfHost(host);
  if (service === null) spec.error('service', 'invalid', `${written} is not the name of a service`);
  else if (service.namespace !== spec.source.namespace) {
    spec.error('service', 'invalid', `is in namespace ${service.namespace}`, 'a split and its root share a namespace');
    return null;
  }
  return service === null ? null : host;
}

function readBackends(spec: Fields): Backend[] {
  const read = spec.objects('backends', (fields) => {
    const service = fields.require('service', name);
    const weight = fields.require('weight', quantity);
    const host = service === null ? null : serviceHost(service, spec.source.namespace);
    if (service !== null && host === null)
      fields.error('service', 'invalid', `${service} is not the name of a service`);
    return host === null || weight === null ? null : { host, weight, origin: fields.origin() };
  });
  if (!spec.has('backends')) spec.error('', 'invalid', 'backends is missing');
  const backends = read.filter((backend) => backend !== null);
  const weights = wholeWeights(backends.map(({ weight }) => weight));
  return backends.map(({ host, origin }, index) => backendOf(host, weights[index]!, origin));
}

const backendOf = (host: Hostname, weight: number, origin: Origin): Backend => ({
  target: { kind: 'service', host, port: null, subset: null, grant: null },
  weight,
  requestHeaders: noEdit,
  responseHeaders: noEdit,
  origin,
});

/** Of all groups together: several are alternatives. What is missing or cannot be read matches nothing. */
function readMatches(spec: Fields, { groups }: Specs): RequestMatch[] {
  return spec
    .objects('matches', (ref) => {
      ref.get('kind', oneOf('HTTPRouteGroup'));
      const named = ref.require('name', name);
      const group = named === null ? undefined : groups.get(`${spec.source.namespace}/${named}`);
      if (named !== null && group === undefined) ref.error('name', 'dangling', `there is no HTTPRouteGroup ${named}`);
      return [...(group?.values() ?? [])].filter((match) => match !== null).flatMap(requestMatches);
    })
    .flat();
}

/** One per method: a request has only one. */
function requestMatches({ path, methods, headers, origin }: HttpMatch): RequestMatch[] {
  const pattern = (value: string): StringMatch => ({ kind: 'regex', value });
  const host = headers.find((header) => header.name === 'host');
  const match: RequestMatch = {
    path: path === null ? null : { kind: 'regex', value: path },
    method: null,
    authority: host === undefined ? null : pattern(host.pattern),
    headers: headers
      .filter((header) => header !== host)
      .map((header) => ({ name: header.name, match: pattern(header.pattern), invert: false })),
    query: [],
    client: null,
    origin,
  };
  return methods.length === 0 ? [match] : methods.map((value) => ({ ...match, method: { kind: 'exact', value } }));
}

function ruleOf(matches: readonly RequestMatch[], backends: readonly Backend[], origin: Origin): RouteRule {
  return {
    name: '',
    matches,
    action: { kind: 'forward', backends, rewrite: null, mirrors: [] },
    requestHeaders: noEdit,
    responseHeaders: noEdit,
    timeout: unset,
    retry: unset,
    fault: null,
    origin,
  };
}

/** Where OSM took any one of several splits for a root, the oldest wins, then the first by name. */
export function oldestPerRoot(splits: readonly Split[], problems: Problem[]): RouteSet[] {
  const age = ({ routes: { created, origin } }: Split): string => `${created}\0${origin.namespace}\0${origin.name}`;
  const winners = new Map<string, Split>();
  for (const split of splits.toSorted((a, b) => (age(a) < age(b) ? -1 : 1))) {
    const winner = winners.get(split.root);
    if (winner === undefined) winners.set(split.root, split);
    else problems.push(conflict(split.routes.origin, winner.routes.origin, split.root));
  }
  return splits.filter((split) => winners.get(split.root) === split).map(({ routes }) => routes);
}

const conflict = (loser: Origin, winner: Origin, root: string): Problem => ({
  severity: 'error',
  code: 'conflict',
  origin: loser,
  message: `${describeObject(winner)} already splits ${root}: this one is left out`,
  hint: 'the oldest wins, then the first by name',
});
