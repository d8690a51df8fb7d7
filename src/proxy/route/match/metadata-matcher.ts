// MetadataMatcher and ValueMatcher → tests on JSON values.
import type { MetadataMatcher } from '../../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import type { DoubleMatcher } from '../../../xds/gen/envoy/type/matcher/v3/number_pb.ts';
import type { ValueMatcher } from '../../../xds/gen/envoy/type/matcher/v3/value_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { bytesOf, compileString } from './string-matcher.ts';

/** undefined: there is no such value. */
export type ValueTest = (value: unknown) => boolean;

/** A test of one name's metadata among all (`filter_metadata`). */
export type MetadataTest = (metadata: { get(name: string): unknown } | null) => boolean;

const DEEPEST = 16;

export function compileMetadata(matcher: MetadataMatcher, path: string): MetadataTest {
  if (matcher.filter === '') throw new ConfigError(at(path, 'filter'), 'is empty');
  const keys = mapAt(matcher.path, at(path, 'path'), ({ segment }, here) => {
    if (segment.case !== 'key' || segment.value === '') throw new ConfigError(at(here, 'key'), 'is empty');
    return segment.value;
  });
  if (keys.length === 0) throw new ConfigError(at(path, 'path'), 'is empty');
  const test = compileValue(matcher.value, at(path, 'value'));
  return (metadata) => test(valueAt(metadata?.get(matcher.filter), keys)) !== matcher.invert;
}

export function compileValue(matcher: ValueMatcher | undefined, path: string, depth = 0): ValueTest {
  if (depth > DEEPEST) throw new ConfigError(path, `is nested deeper than ${DEEPEST}`);
  const pattern = matcher?.matchPattern;
  switch (pattern?.case) {
    case 'nullMatch':
      return (value) => value === null;
    case 'boolMatch':
      return (value) => value === pattern.value;
    case 'presentMatch':
      // As in Envoy false matches nothing: what wants an absent value inverts.
      return (value) => value !== undefined && pattern.value;
    case 'stringMatch': {
      const test = compileString(pattern.value, at(path, 'string_match'));
      return (value) => typeof value === 'string' && test(bytesOf(value));
    }
    case 'doubleMatch':
      return compileDouble(pattern.value, at(path, 'double_match'));
    case 'listMatch': {
      if (pattern.value.matchPattern.case !== 'oneOf') throw new ConfigError(at(path, 'list_match'), 'is not known');
      const test = compileValue(pattern.value.matchPattern.value, at(path, 'list_match.one_of'), depth + 1);
      return (value) => Array.isArray(value) && value.some((element) => test(element));
    }
    case 'orMatch': {
      const here = at(path, 'or_match.value_matchers');
      const tests = mapAt(pattern.value.valueMatchers, here, (one, where) => compileValue(one, where, depth + 1));
      if (tests.length < 2) throw new ConfigError(here, 'must have at least two');
      return (value) => tests.some((test) => test(value));
    }
    default:
      throw new ConfigError(path, 'has no match_pattern');
  }
}

function compileDouble({ matchPattern }: DoubleMatcher, path: string): ValueTest {
  if (matchPattern.case === undefined) throw new ConfigError(path, 'has no match_pattern');
  if (matchPattern.case === 'exact') return (value) => value === matchPattern.value;
  const { start, end } = matchPattern.value;
  return (value) => typeof value === 'number' && value >= start && value < end;
}

/** undefined: there is nothing at the end of these names. */
export function valueAt(value: unknown, keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}
