// Whose routes decide where several objects speak about one place, and in which order their rules are asked.

import type { PathMatch, RequestMatch } from '../model/match.ts';
import { describeObject, objectKey } from '../model/origin.ts';
import type { RouteRule, RouteSet } from '../model/route.ts';
import { dialectRank } from './dialects.ts';
import { compareAge } from './order.ts';
import type { Planning } from './planning.ts';

/** One rule with one of its matches; `match: null` is every request. */
export type Candidate = {
  readonly set: RouteSet;
  readonly rule: RouteRule;
  readonly match: RequestMatch | null;
  readonly ruleIndex: number;
  readonly matchIndex: number;
};

/** The first dialect's sets, in order of age; the others' become problems that name both. */
export function firstDialect(planning: Planning, sets: readonly RouteSet[], place: string): readonly RouteSet[] {
  const ordered = sets.toSorted(
    (a, b) => dialectRank(a.origin.dialect) - dialectRank(b.origin.dialect) || compareAge(a, b),
  );
  const [winner] = ordered;
  if (winner === undefined) return [];
  const dialect = winner.origin.dialect;
  for (const loser of ordered) {
    if (loser.origin.dialect !== dialect)
      reportConflict(planning, loser, winner, place, `${dialect} comes before ${loser.origin.dialect}`);
  }
  return ordered.filter(({ origin }) => origin.dialect === dialect);
}

/** Of sets whose rules are a list only the oldest object's count (they beat sets that merge); sets that merge all count. */
export function oneList(planning: Planning, sets: readonly RouteSet[], place: string): readonly RouteSet[] {
  const winner = sets.find(({ order }) => order === 'listed');
  if (winner === undefined) return sets;
  const isWinner = (set: RouteSet) => set.order === 'listed' && objectKey(set.origin) === objectKey(winner.origin);
  for (const loser of sets) {
    if (!isWinner(loser))
      reportConflict(planning, loser, winner, place, 'one object decides; the oldest, then the first by name');
  }
  return sets.filter(isWinner);
}

export const candidatesOf = (sets: readonly RouteSet[]): readonly Candidate[] =>
  sets.flatMap((set) =>
    set.rules.flatMap((rule, ruleIndex) =>
      (rule.matches.length === 0 ? [null] : rule.matches).map((match, matchIndex) => ({
        set,
        rule,
        match,
        ruleIndex,
        matchIndex,
      })),
    ),
  );

/** Gateway API, HTTPRouteRule.matches: path, method, headers, query, then age, name and position. */
export const compareSpecificity = (a: Candidate, b: Candidate): number =>
  pathRank(b.match?.path ?? null) - pathRank(a.match?.path ?? null) ||
  Number((b.match?.method ?? null) !== null) - Number((a.match?.method ?? null) !== null) ||
  (b.match?.headers.length ?? 0) - (a.match?.headers.length ?? 0) ||
  (b.match?.query.length ?? 0) - (a.match?.query.length ?? 0) ||
  compareAge(a.set, b.set) ||
  a.ruleIndex - b.ruleIndex ||
  a.matchIndex - b.matchIndex;

/** Lists that are merged would hide each other behind a rule that takes everything (Istio moves these to the end, too). */
export const catchAllLast = (candidates: readonly Candidate[]): readonly Candidate[] =>
  candidates.toSorted((a, b) => Number(takesAll(a.match)) - Number(takesAll(b.match)));

const takesAll = (match: RequestMatch | null): boolean =>
  match === null ||
  (pathRank(match.path) === 0 &&
    match.method === null &&
    match.authority === null &&
    match.headers.length === 0 &&
    match.query.length === 0);

/** Exact, then the longest prefix, then regular expressions (left open by the specification), then every path. */
function pathRank(path: PathMatch | null): number {
  if (path === null || (path.kind !== 'exact' && path.kind !== 'regex' && path.value === '/')) return 0;
  if (path.kind === 'regex') return 1;
  return path.kind === 'exact' ? 1e9 : 1 + path.value.length;
}

function reportConflict(planning: Planning, loser: RouteSet, winner: RouteSet, place: string, why: string): void {
  const message = `routes of ${describeObject(loser.origin)} for ${place} are not used: ${describeObject(winner.origin)} decides there`;
  planning.report({ severity: 'warning', code: 'conflict', origin: loser.origin, message, hint: why });
}
