// The path specifier of a RouteMatch → a test on the path without its query.
import type { TypedExtensionConfig } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { RouteMatch } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { UriTemplateMatchConfigSchema } from '../../../xds/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts';
import type { PathMatcher } from '../../../xds/gen/envoy/type/matcher/v3/path_pb.ts';
import { unpack } from '../../config/any.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { pathOnly } from './query.ts';
import { bytesOf, compileString, compileWhole, type StringTest } from './string-matcher.ts';
import { compileUriTemplate, type UriTemplate } from './uri-template.ts';

/** A PathMatcher: the test takes the path with its query. */
export function compilePathMatcher(matcher: PathMatcher | undefined, path: string): StringTest {
  if (matcher?.rule.case !== 'path') throw new ConfigError(path, 'has no path');
  const test = compileString(matcher.rule.value, at(path, 'path'));
  return (text) => test(pathOnly(text));
}

export function compilePath(match: RouteMatch, path: string): StringTest {
  const { pathSpecifier: specifier, caseSensitive = true } = match;
  switch (specifier.case) {
    case undefined:
      throw new ConfigError(path, 'has no path specifier');
    case 'safeRegex':
      return compileWhole(specifier.value, at(path, 'safe_regex'));
    case 'connectMatcher':
      // CONNECT has no path, and nothing else comes here without one: see `compileMatch`.
      return () => true;
    case 'pathMatchPolicy':
      return compileTemplate(specifier.value, at(path, 'path_match_policy')).matches;
    default: {
      const pattern = bytesOf(caseSensitive ? specifier.value : specifier.value.toLowerCase());
      const test = compileFixed(specifier.case, pattern, path);
      return caseSensitive ? test : (subject) => test(subject.toLowerCase());
    }
  }
}

export function compileTemplate({ typedConfig }: TypedExtensionConfig, path: string): UriTemplate {
  const here = at(path, 'typed_config');
  const { pathTemplate } = unpack(typedConfig, UriTemplateMatchConfigSchema, here);
  return compileUriTemplate(pathTemplate, at(here, 'path_template'));
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
