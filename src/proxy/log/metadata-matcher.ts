// ValueMatcher → a test on a JSON value of metadata.
import type { DoubleMatcher } from '../../xds/gen/envoy/type/matcher/v3/number_pb.ts';
import type { ValueMatcher } from '../../xds/gen/envoy/type/matcher/v3/value_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { compileString } from '../route/match/string-matcher.ts';

export type JsonTest = (value: unknown) => boolean;

export function compileValueMatcher(matcher: ValueMatcher | undefined, path: string): JsonTest {
  const pattern = matcher?.matchPattern;
  switch (pattern?.case) {
    case 'nullMatch':
      return (value) => value === null;
    case 'boolMatch':
      return (value) => value === pattern.value;
    case 'presentMatch':
      return () => pattern.value;
    case 'stringMatch': {
      const test = compileString(pattern.value, at(path, 'string_match'));
      return (value) => typeof value === 'string' && test(value);
    }
    case 'doubleMatch':
      return compileNumber(pattern.value, at(path, 'double_match'));
    case 'listMatch': {
      const { case: kind, value: element } = pattern.value.matchPattern;
      if (kind !== 'oneOf') throw new ConfigError(at(path, 'list_match'), 'is not known');
      const test = compileValueMatcher(element, at(path, 'list_match.one_of'));
      return (value) => Array.isArray(value) && value.some(test);
    }
    case 'orMatch': {
      const tests = mapAt(pattern.value.valueMatchers, at(path, 'or_match.value_matchers'), compileValueMatcher);
      return (value) => tests.some((test) => test(value));
    }
    default:
      throw new ConfigError(path, 'has no match_pattern');
  }
}

function compileNumber({ matchPattern: pattern }: DoubleMatcher, path: string): JsonTest {
  switch (pattern.case) {
    case 'exact':
      return (value) => value === pattern.value;
    case 'range': {
      const { start, end } = pattern.value;
      return (value) => typeof value === 'number' && value >= start && value < end;
    }
    default:
      throw new ConfigError(path, 'has no match_pattern');
  }
}
