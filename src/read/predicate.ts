// Builders for predicates that leave out what says nothing: a list of one is that one.
import type { Predicate } from '../model/policy.ts';

export const always: Predicate<never> = { kind: 'always' };
/** `any` of nothing: no request. */
export const never: Predicate<never> = { kind: 'any', of: [] };

export const term = <Term>(value: Term): Predicate<Term> => ({ kind: 'term', term: value });

export const not = <Term>(of: Predicate<Term>): Predicate<Term> => ({ kind: 'not', of });

/** Of nothing: never. */
export function any<Term>(of: readonly Predicate<Term>[]): Predicate<Term> {
  if (of.some((part) => part.kind === 'always')) return always;
  return of.length === 1 ? of[0]! : { kind: 'any', of };
}

/** Of nothing: always. */
export function all<Term>(of: readonly Predicate<Term>[]): Predicate<Term> {
  const parts = of.filter((part) => part.kind !== 'always');
  if (parts.length === 0) return always;
  return parts.length === 1 ? parts[0]! : { kind: 'all', of: parts };
}
