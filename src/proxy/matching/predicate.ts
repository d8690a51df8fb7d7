// Predicate → a test on a subject. What an input has no value for matches nothing.
import type {
  Matcher_MatcherList_Predicate as Predicate,
  Matcher_MatcherList_Predicate_PredicateList as PredicateList,
  Matcher_MatcherList_Predicate_SinglePredicate as SinglePredicate,
} from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import { all } from '../route/match/header-matcher.ts';
import { compileString } from '../route/match/string-matcher.ts';
import { compileCustom, onText } from './custom-match.ts';
import { compileInput, type InputKind, typedConfig } from './input.ts';

type Test<Subject> = (subject: Subject) => boolean;

/** What may be asked of a kind of subject. */
export type Subjects<Subject> = {
  readonly inputs: readonly InputKind<Subject>[];
  /** Without it, nothing may ask the runtime. */
  runtime?(subject: Subject): RuntimeLookup;
};

/** Predicates within predicates deeper than this are refused: they are walked on the stack. */
const DEEPEST = 32;

export function compilePredicate<Subject>(
  predicate: Predicate | undefined,
  subjects: Subjects<Subject>,
  path: string,
  depth = 0,
): Test<Subject> {
  if (depth > DEEPEST) throw new ConfigError(path, `is nested deeper than ${DEEPEST}`);
  const type = predicate?.matchType;
  const several = (list: PredicateList, name: string): Test<Subject>[] => {
    const here = at(at(path, name), 'predicate');
    if (list.predicate.length < 2) throw new ConfigError(here, 'must have at least two');
    return mapAt(list.predicate, here, (one, where) => compilePredicate(one, subjects, where, depth + 1));
  };
  switch (type?.case) {
    case 'singlePredicate':
      return compileSingle(type.value, subjects, at(path, 'single_predicate'));
    case 'andMatcher':
      return all<[Subject]>(several(type.value, 'and_matcher'));
    case 'orMatcher': {
      const tests = several(type.value, 'or_matcher');
      return (subject) => tests.some((test) => test(subject));
    }
    case 'notMatcher': {
      const test = compilePredicate(type.value, subjects, at(path, 'not_matcher'), depth + 1);
      return (subject) => !test(subject);
    }
    default:
      throw new ConfigError(path, 'has no match_type');
  }
}

function compileSingle<Subject>(
  { input, matcher }: SinglePredicate,
  { inputs, runtime }: Subjects<Subject>,
  path: string,
): Test<Subject> {
  const asked = compileInput(input, inputs, at(path, 'input'));
  switch (matcher.case) {
    case 'valueMatch':
      return onText(asked, compileString(matcher.value, at(path, 'value_match')), path);
    case 'customMatch': {
      const here = at(path, 'custom_match');
      return compileCustom(asked, typedConfig(matcher.value, here), runtime, at(here, 'typed_config'));
    }
    default:
      throw new ConfigError(path, 'has no matcher');
  }
}
