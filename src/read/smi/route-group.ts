// HTTPRouteGroup and TCPRoute: what other objects refer to. Read in the shape of every version, whatever version is written.
import type { Origin } from '../../model/origin.ts';
import type { Port } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { parserOf } from '../field/parser.ts';
import { headerName, name, oneOf, port, regex } from '../field/values.ts';

/** All parts must hold. Patterns match the whole value, as in OSM (the specification anchors only the start). */
export type HttpMatch = {
  readonly path: string | null;
  /** Empty is every method. */
  readonly methods: readonly string[];
  readonly headers: readonly { readonly name: string; readonly pattern: string }[];
  readonly origin: Origin;
};

/** null for a match that cannot be applied: it is there, and nothing passes it. */
export type RouteGroup = ReadonlyMap<string, HttpMatch | null>;

export type Specs = {
  readonly groups: ReadonlyMap<string, RouteGroup>;
  /** Ports; empty is every port, null cannot be read. */
  readonly tcpRoutes: ReadonlyMap<string, readonly Port[] | null>;
};

/** Up to v1alpha2 `matches` was at the top, from v1alpha3 on under `spec`. */
export function readRouteGroup(root: Fields): RouteGroup {
  const matches = [
    ...root.objects('matches', readMatch),
    ...(root.object('spec', (spec) => spec.objects('matches', readMatch)) ?? []),
  ];
  if (matches.length === 0) root.error('', 'invalid', 'has no matches');
  const group = new Map<string, HttpMatch | null>();
  for (const { name: named, match } of matches) {
    if (named === null) continue;
    if (group.has(named)) root.error('', 'conflict', `match ${named} is defined twice: the first is taken`);
    else group.set(named, match);
  }
  return group;
}

const METHODS = ['*', 'GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;

function readMatch(fields: Fields): { name: string | null; match: HttpMatch | null } {
  const named = fields.require('name', name);
  const path = fields.get('pathRegex', regex);
  const methods = fields.list('methods', oneOf(...METHODS));
  const headers = readHeaders(fields);
  if (!fields.complete()) return { name: named, match: null };
  const all = methods.includes('*');
  return { name: named, match: { path, methods: all ? [] : methods, headers, origin: fields.origin() } };
}

/** A list of maps with one key each (every CRD), or one map (the specification's text); of one name the last counts. */
function readHeaders(fields: Fields): HttpMatch['headers'] {
  const written = fields.get('headers', headerMaps) ?? [];
  const byName = new Map<string, string>();
  for (const [header, raw] of written) {
    const parsedName = headerName(header);
    const pattern = regex(raw);
    if (!parsedName.ok) fields.error('headers', 'invalid', parsedName.message, parsedName.hint);
    else if (!pattern.ok) fields.error('headers', 'invalid', pattern.message, pattern.hint);
    else byName.set(parsedName.value, pattern.value);
  }
  return [...byName].map(([header, pattern]) => ({ name: header, pattern }));
}

const headerMaps = parserOf(
  'a list of headers',
  (raw): [string, unknown][] | null => {
    const maps: unknown[] = Array.isArray(raw) ? raw : [raw];
    const entries = maps.map((map) =>
      typeof map === 'object' && map !== null && !Array.isArray(map) ? Object.entries(map) : [],
    );
    const oneEach = !Array.isArray(raw) || entries.every((entry) => entry.length === 1);
    return oneEach && (Array.isArray(raw) || (typeof raw === 'object' && raw !== null)) ? entries.flat() : null;
  },
  'one name and pattern per item, as in - user-agent: ".*"',
);

/** Before v1alpha4 there was nothing to say; `ports: []` is every port. */
export function readTcpRoute(root: Fields): readonly Port[] | null {
  const ports = root.object('spec', (spec) => spec.object('matches', (matches) => matches.list('ports', port)));
  return root.failed ? null : (ports ?? []);
}
