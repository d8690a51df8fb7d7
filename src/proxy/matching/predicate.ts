// Predicate → a test on a subject. What an input has no value for matches nothing.
import type { Any } from '@bufbuild/protobuf/wkt';
import { addressBytes, compileCidr } from '../../lib/cidr.ts';
import { IpSchema } from '../../xds/gen/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.ts';
import { MetadataSchema } from '../../xds/gen/envoy/extensions/matching/input_matchers/metadata/v3/metadata_pb.ts';
import type {
  Matcher_MatcherList_Predicate as Predicate,
  Matcher_MatcherList_Predicate_PredicateList as PredicateList,
  Matcher_MatcherList_Predicate_SinglePredicate as SinglePredicate,
} from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { typeNameOf, unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { all } from '../route/match/header-matcher.ts';
import { compileValue } from '../route/match/metadata-matcher.ts';
import { compileString, type StringTest } from '../route/match/string-matcher.ts';
import { compileInput, type Input, type InputKind, typedConfig } from './input.ts';

type Test<Subject> = (subject: Subject) => boolean;

/** Predicates within predicates deeper than this are refused: they are walked on the stack. */
const DEEPEST = 32;

export function compilePredicate<Subject>(
  predicate: Predicate | undefined,
  inputs: readonly InputKind<Subject>[],
  path: string,
  depth = 0,
): Test<Subject> {
  if (depth > DEEPEST) throw new ConfigError(path, `is nested deeper than ${DEEPEST}`);
  const type = predicate?.matchType;
  const several = (list: PredicateList, name: string): Test<Subject>[] => {
    const here = at(at(path, name), 'predicate');
    if (list.predicate.length < 2) throw new ConfigError(here, 'must have at least two');
    return mapAt(list.predicate, here, (one, where) => compilePredicate(one, inputs, where, depth + 1));
  };
  switch (type?.case) {
    case 'singlePredicate':
      return compileSingle(type.value, inputs, at(path, 'single_predicate'));
    case 'andMatcher':
      return all<[Subject]>(several(type.value, 'and_matcher'));
    case 'orMatcher': {
      const tests = several(type.value, 'or_matcher');
      return (subject) => tests.some((test) => test(subject));
    }
    case 'notMatcher': {
      const test = compilePredicate(type.value, inputs, at(path, 'not_matcher'), depth + 1);
      return (subject) => !test(subject);
    }
    default:
      throw new ConfigError(path, 'has no match_type');
  }
}

function compileSingle<Subject>(
  { input, matcher }: SinglePredicate,
  inputs: readonly InputKind<Subject>[],
  path: string,
): Test<Subject> {
  const asked = compileInput(input, inputs, at(path, 'input'));
  switch (matcher.case) {
    case 'valueMatch':
      return onText(asked, compileString(matcher.value, at(path, 'value_match')), path);
    case 'customMatch': {
      const here = at(path, 'custom_match');
      return compileCustom(asked, typedConfig(matcher.value, here), at(here, 'typed_config'));
    }
    default:
      throw new ConfigError(path, 'has no matcher');
  }
}

function compileCustom<Subject>(asked: Input<Subject>, config: Any, path: string): Test<Subject> {
  if (typeNameOf(config) === MetadataSchema.typeName) {
    if (asked.kind !== 'value') throw new ConfigError(path, 'is for metadata only');
    const { value, invert } = unpack(config, MetadataSchema, path);
    const test = compileValue(value, at(path, 'value'));
    return (subject) => test(asked.read(subject)) !== invert;
  }
  const { cidrRanges, statPrefix } = unpack(config, IpSchema, path);
  if (cidrRanges.length === 0) throw new ConfigError(at(path, 'cidr_ranges'), 'is empty');
  if (statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  const ranges = mapAt(cidrRanges, at(path, 'cidr_ranges'), ({ addressPrefix, prefixLen }, here) => {
    const test = compileCidr(addressPrefix, prefixLen ?? 0);
    if (test === null) throw new ConfigError(here, `${addressPrefix}/${prefixLen ?? 0} is no range of addresses`);
    return test;
  });
  return onText(asked, (text) => addressBytes(text) !== null && ranges.some((within) => within(text)), path);
}

function onText<Subject>(asked: Input<Subject>, test: StringTest, path: string): Test<Subject> {
  if (asked.kind !== 'text') throw new ConfigError(at(path, 'input'), 'is no text');
  return (subject) => {
    const text = asked.read(subject);
    return text !== undefined && test(text);
  };
}
