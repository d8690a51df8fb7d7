// Matcher → a function from a subject to the action that matches it first.
import type { Any } from '@bufbuild/protobuf/wkt';
import { ServerNameMatcherSchema } from '../../xds/gen/xds/type/matcher/v3/domain_pb.ts';
import type {
  Matcher,
  Matcher_MatcherList,
  Matcher_MatcherTree,
  Matcher_MatcherTree_MatchMap,
  Matcher_OnMatch,
} from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { typeNameOf } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compileAddressTree } from './address-tree.ts';
import { compileInput, typedConfig } from './input.ts';
import { compilePredicate, type Subjects } from './predicate.ts';
import { compileServerNames } from './server-name-tree.ts';

/** null: nothing matches. */
export type Match<Subject, Action> = (subject: Subject) => Action | null;

/** What a matcher may ask about, and what it may lead to. */
export type MatcherKind<Subject, Action> = Subjects<Subject> & {
  /** Throws ConfigError. */
  compileAction(config: Any, path: string): Action;
};

/** Matchers within matchers deeper than this are refused: they are walked on the stack. */
const DEEPEST = 32;

export function compileMatcher<Subject, Action>(
  { matcherType, onNoMatch }: Matcher,
  kind: MatcherKind<Subject, Action>,
  path: string,
  depth = 0,
): Match<Subject, Action> {
  if (depth > DEEPEST) throw new ConfigError(path, `is nested deeper than ${DEEPEST}`);
  const own = compileType(matcherType, { ...kind, depth }, path);
  if (onNoMatch === undefined) return own;
  const otherwise = compileOnMatch(onNoMatch, { ...kind, depth }, at(path, 'on_no_match'));
  return (subject) => own(subject) ?? otherwise(subject);
}

type Level<Subject, Action> = MatcherKind<Subject, Action> & { readonly depth: number };

/** What follows a match: an action, or a matcher whose failure lets the search go on. */
function compileOnMatch<Subject, Action>(
  onMatch: Matcher_OnMatch | undefined,
  level: Level<Subject, Action>,
  path: string,
): Match<Subject, Action> {
  const next = onMatch?.onMatch;
  switch (next?.case) {
    case 'matcher':
      return compileMatcher(next.value, level, at(path, 'matcher'), level.depth + 1);
    case 'action': {
      const here = at(path, 'action');
      const action = level.compileAction(typedConfig(next.value, here), at(here, 'typed_config'));
      return () => action;
    }
    default:
      throw new ConfigError(path, 'has neither matcher nor action');
  }
}

function compileType<Subject, Action>(
  type: Matcher['matcherType'],
  level: Level<Subject, Action>,
  path: string,
): Match<Subject, Action> {
  switch (type.case) {
    case 'matcherList':
      return compileList(type.value, level, at(path, 'matcher_list'));
    case 'matcherTree':
      return compileTree(type.value, level, at(path, 'matcher_tree'));
    case undefined:
      // Only `on_no_match` is left.
      return () => null;
  }
}

function compileList<Subject, Action>(
  { matchers }: Matcher_MatcherList,
  level: Level<Subject, Action>,
  path: string,
): Match<Subject, Action> {
  const here = at(path, 'matchers');
  if (matchers.length === 0) throw new ConfigError(here, 'is empty');
  const entries = mapAt(matchers, here, ({ predicate, onMatch }, where) => ({
    matches: compilePredicate(predicate, level, at(where, 'predicate')),
    next: compileOnMatch(onMatch, level, at(where, 'on_match')),
  }));
  return (subject) => {
    for (const { matches, next } of entries) {
      const found = matches(subject) ? next(subject) : null;
      if (found !== null) return found;
    }
    return null;
  };
}

function compileTree<Subject, Action>(
  { input, treeType }: Matcher_MatcherTree,
  level: Level<Subject, Action>,
  path: string,
): Match<Subject, Action> {
  const { kind, read } = compileInput(input, level.inputs, at(path, 'input'));
  if (kind !== 'text') throw new ConfigError(at(path, 'input'), 'is no text');
  const find = compileTreeType(treeType, level, path);
  return (subject) => {
    const text = read(subject);
    return text === undefined ? null : find(text, subject);
  };
}

type Find<Subject, Action> = (text: string, subject: Subject) => Action | null;

function compileTreeType<Subject, Action>(
  type: Matcher_MatcherTree['treeType'],
  level: Level<Subject, Action>,
  path: string,
): Find<Subject, Action> {
  switch (type.case) {
    case 'exactMatchMap': {
      const entries = compileMap(type.value, level, at(path, 'exact_match_map'));
      return (text, subject) => entries.get(text)?.(subject) ?? null;
    }
    case 'prefixMatchMap':
      return findPrefix(compileMap(type.value, level, at(path, 'prefix_match_map')));
    case 'customMatch': {
      const here = at(path, 'custom_match');
      const next = (onMatch: Matcher_OnMatch | undefined, where: string) => compileOnMatch(onMatch, level, where);
      const config = typedConfig(type.value, here);
      const compile = typeNameOf(config) === ServerNameMatcherSchema.typeName ? compileServerNames : compileAddressTree;
      return compile(config, next, at(here, 'typed_config'));
    }
    default:
      throw new ConfigError(path, 'has no tree_type');
  }
}

function compileMap<Subject, Action>(
  { map }: Matcher_MatcherTree_MatchMap,
  level: Level<Subject, Action>,
  path: string,
): ReadonlyMap<string, Match<Subject, Action>> {
  const entries = Object.entries(map);
  if (entries.length === 0) throw new ConfigError(at(path, 'map'), 'is empty');
  return new Map(
    entries.map(([key, onMatch]) => [bytesOf(key), compileOnMatch(onMatch, level, `${at(path, 'map')}[${key}]`)]),
  );
}

/** The longest prefix first; where what follows does not match, the next shorter one. */
function findPrefix<Subject, Action>(entries: ReadonlyMap<string, Match<Subject, Action>>): Find<Subject, Action> {
  const lengths = [...new Set([...entries.keys()].map(({ length }) => length))].sort((a, b) => b - a);
  return (text, subject) => {
    for (const length of lengths) {
      if (length > text.length) continue;
      const found = entries.get(text.slice(0, length))?.(subject) ?? null;
      if (found !== null) return found;
    }
    return null;
  };
}
