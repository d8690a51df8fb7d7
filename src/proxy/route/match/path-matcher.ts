// The path specifier of a RouteMatch → a test on the path without its query.
import type { RouteMatch } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { bytesOf, compileWhole, type StringTest } from './string-matcher.ts';

export function compilePath(match: RouteMatch, path: string): StringTest {
  const { pathSpecifier: specifier, caseSensitive = true } = match;
  if (specifier.case === undefined) throw new ConfigError(path, 'has no path specifier');
  if (specifier.case === 'safeRegex') return compileWhole(specifier.value, at(path, 'safe_regex'));
  if (specifier.case === 'connectMatcher') throw new ConfigError(at(path, 'connect_matcher'), 'is no path');
  if (specifier.case === 'pathMatchPolicy') throw new ConfigError(at(path, 'path_match_policy'), 'is not supported');
  const pattern = bytesOf(caseSensitive ? specifier.value : specifier.value.toLowerCase());
  const test = compileFixed(specifier.case, pattern, path);
  return caseSensitive ? test : (subject) => test(subject.toLowerCase());
}

function compileFixed(kind: 'prefix' | 'path' | 'pathSeparatedPrefix', pattern: string, path: string): StringTest {
  switch (kind) {
    case 'prefix':
      return (subject) => subject.startsWith(pattern);
    case 'path':
      return (subject) => subject === pattern;
    case 'pathSeparatedPrefix':
      if (!/^[^?#]+[^?#/]$/.test(pattern)) {
        throw new ConfigError(at(path, 'path_separated_prefix'), 'must not end in / nor hold ? or #');
      }
      return (subject) =>
        subject.startsWith(pattern) && (subject.length === pattern.length || subject[pattern.length] === '/');
  }
}
