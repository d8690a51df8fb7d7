// Path normalisation as Envoy's `normalize_path` and `merge_slashes` do it (RFC 3986 section 6.2): without it a policy on `/admin`
// would not see `/x/../admin`.

import type { HeadRules } from '../config/head-rules.ts';

export type PathRules = Pick<HeadRules, 'normalizePath' | 'mergeSlashes' | 'escapedSlashes'>;

// Most paths have nothing to normalise; this one test tells.
const SUSPECT = /\/\.|%|\\|\/\//;
const ESCAPED = /%2f|%5c/gi;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

/** null: not a path that can be normalised (400). */
export function normalizePath(target: string, rules: PathRules): string | null {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  if (!SUSPECT.test(path)) return target;
  let result: string | null = path;
  if (rules.escapedSlashes !== 'keep' && hasEscapedSlash(path)) {
    if (rules.escapedSlashes === 'reject') return null;
    result = path.replace(ESCAPED, (escaped) => (escaped[1] === '2' ? '/' : '\\'));
  }
  if (rules.normalizePath) result = resolveDots(decodeUnreserved(result.replaceAll('\\', '/')));
  if (result !== null && rules.mergeSlashes) result = result.replace(/\/{2,}/g, '/');
  if (result === null) return null;
  return query === -1 ? result : result + target.slice(query);
}

/** Without the query. */
export function hasEscapedSlash(path: string): boolean {
  return path.search(ESCAPED) !== -1;
}

/** `%41` is `A`; what is reserved stays encoded, since `%2F` is not a separator. */
function decodeUnreserved(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (encoded, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : encoded;
  });
}

function resolveDots(path: string): string | null {
  if (!path.startsWith('/') || path.includes('%00')) return null;
  const out: string[] = [];
  const segments = path.slice(1).split('/');
  segments.forEach((segment, i) => {
    const last = i === segments.length - 1;
    if (segment === '..') out.pop();
    else if (segment !== '.') out.push(segment);
    // A dot segment at the end leaves the directory: `/a/.` is `/a/`.
    if (last && (segment === '.' || segment === '..')) out.push('');
  });
  return `/${out.join('/')}`;
}
