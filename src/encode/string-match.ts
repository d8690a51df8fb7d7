// String matches of the model as Envoy's StringMatcher and HeaderMatcher.
import { create } from '@bufbuild/protobuf';
import type { NamedMatch, StringMatch } from '../model/match.ts';
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type StringMatcher, StringMatcherSchema } from '../xds/gen/envoy/type/matcher/v3/string_pb.ts';

/** `present` is any value, the empty one included. */
export function stringMatcher(match: StringMatch, ignoreCase = false): StringMatcher {
  switch (match.kind) {
    case 'exact':
    case 'contains':
      return create(StringMatcherSchema, { matchPattern: { case: match.kind, value: match.value }, ignoreCase });
    case 'prefix':
    case 'suffix':
      // Envoy refuses empty ones; they match everything.
      if (match.value === '') return stringMatcher({ kind: 'present' });
      return create(StringMatcherSchema, { matchPattern: { case: match.kind, value: match.value }, ignoreCase });
    case 'regex':
      return regexMatcher(ignoreCase ? `(?i:${match.value})` : match.value);
    case 'present':
      return regexMatcher('(?s).*');
  }
}

/** RE2; the whole value must match. */
export const regexMatcher = (regex: string): StringMatcher =>
  create(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: { regex } } });

/** As a literal inside a regular expression (RE2's QuoteMeta for ASCII). */
export const escapeRegex = (literal: string): string => literal.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

export function headerMatcher({ name, match, invert }: NamedMatch, ignoreCase = false): HeaderMatcher {
  const headerMatchSpecifier =
    match.kind === 'present'
      ? ({ case: 'presentMatch', value: true } as const)
      : ({ case: 'stringMatch', value: stringMatcher(match, ignoreCase) } as const);
  return create(HeaderMatcherSchema, { name, headerMatchSpecifier, invertMatch: invert });
}

/** `invert` cannot be said here: the caller sees to it. */
export function queryMatcher({ name, match }: NamedMatch): QueryParameterMatcher {
  const queryParameterMatchSpecifier =
    match.kind === 'present'
      ? ({ case: 'presentMatch', value: true } as const)
      : ({ case: 'stringMatch', value: stringMatcher(match) } as const);
  return create(QueryParameterMatcherSchema, { name, queryParameterMatchSpecifier });
}
