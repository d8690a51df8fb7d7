// Host patterns: exact names, `*.suffix` and `*`.

/** Whether `pattern` stands for every name that `host` (a name or itself a pattern) stands for. `*.a.b` covers any number of labels. */
export function covers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  return (
    pattern.startsWith('*.') &&
    host !== '*' &&
    host.replace(/^\*/, '').endsWith(pattern.slice(1)) &&
    host.length > pattern.length - 1
  );
}

/** The names both stand for, or null when there are none. */
export function intersect<A extends string, B extends string>(a: A, b: B): A | B | null {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : null;
}

/** Most specific first: exact names, then the longest pattern. */
export const specificity = (host: string): number => (host.startsWith('*') ? host.length : 1000 + host.length);

/** The candidate that says most about `host`, or null. */
export function mostSpecific<T>(host: string, candidates: readonly T[], pattern: (candidate: T) => string): T | null {
  let best: T | null = null;
  for (const candidate of candidates) {
    if (!covers(pattern(candidate), host)) continue;
    if (best === null || specificity(pattern(candidate)) > specificity(pattern(best))) best = candidate;
  }
  return best;
}
