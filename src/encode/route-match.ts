// Which requests a route takes.
import { create } from '@bufbuild/protobuf';
import type { NamedMatch, PathMatch, RequestMatch } from '../model/match.ts';
import {
  type HeaderMatcher,
  type RouteMatch,
  RouteMatchSchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { headerMatcher, queryMatcher } from './string-match.ts';

export function routeMatch(match: RequestMatch | null): RouteMatch {
  if (match === null) return create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } });
  const pseudo: NamedMatch[] = [
    ...(match.method === null ? [] : [{ name: ':method', match: match.method, invert: false }]),
    ...(match.authority === null ? [] : [{ name: ':authority', match: match.authority, invert: false }]),
  ];
  return create(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(match.path),
    ...(match.path !== null && 'ignoreCase' in match.path && match.path.ignoreCase ? { caseSensitive: false } : {}),
    headers: [
      ...[...pseudo, ...match.headers].map((each) => headerMatcher(each)),
      ...(match.query.some(inverted) ? [never] : []),
    ],
    queryParameters: match.query.map(queryMatcher),
  });
}

function pathSpecifier(path: PathMatch | null): RouteMatch['pathSpecifier'] {
  switch (path?.kind) {
    case 'exact':
      return { case: 'path', value: path.value };
    case 'prefix':
      return { case: 'prefix', value: path.value };
    case 'path-prefix':
      return path.value === '/' ? { case: 'prefix', value: '/' } : { case: 'pathSeparatedPrefix', value: path.value };
    case 'regex':
      return create(RouteMatchSchema, { pathSpecifier: { case: 'safeRegex', value: { regex: path.value } } })
        .pathSpecifier;
    case undefined:
      return { case: 'prefix', value: '/' };
  }
}

const inverted = ({ invert }: NamedMatch): boolean => invert;

/** Envoy has no inverted query match and no dialect asks for one: such a route takes nothing rather than too much. */
const never: HeaderMatcher = headerMatcher({ name: ':path', match: { kind: 'present' }, invert: true });
