// A ServiceProfile's `condition` → alternatives that each say at most one path and one method.
import type { RequestMatch } from '../../model/match.ts';
import type { Fields } from '../field/fields.ts';
import { method, regex } from '../field/values.ts';

const MAX_DEPTH = 8;
const MAX_ALTERNATIVES = 64;

/** Empty when it cannot be applied (then reported): leaving a part out would make it wider. */
export function readCondition(fields: Fields, depth = 0): RequestMatch[] {
  const parts: RequestMatch[][] = [];
  const path = fields.get('pathRegex', regex);
  const verb = fields.get('method', method);
  const own = matchOf(fields, path, verb);
  if (path !== null || verb !== null) parts.push([own]);
  // Hostile nesting costs a problem, not the stack.
  if (depth < MAX_DEPTH) {
    const inner = (condition: Fields): RequestMatch[] => readCondition(condition, depth + 1);
    parts.push(...fields.objects('all', inner));
    if (fields.has('any')) parts.push(fields.objects('any', inner).flat());
  } else if (fields.has('all') || fields.has('any')) {
    fields.error('', 'unsupported', `conditions nested deeper than ${MAX_DEPTH}`);
    fields.ignore('all', 'any');
  }
  fields.unsupported('not');
  fields.ignore('any');
  if (!fields.complete()) return [];
  if (parts.length === 0) {
    fields.error('', 'invalid', 'is empty', 'give pathRegex or method');
    return [];
  }
  return parts.reduce((left, right) => conjunction(fields, left, right));
}

function matchOf(fields: Fields, path: string | null, verb: string | null): RequestMatch {
  return {
    path: path === null ? null : { kind: 'regex', value: path },
    method: verb === null ? null : { kind: 'exact', value: verb },
    authority: null,
    headers: [],
    query: [],
    client: null,
    origin: fields.origin(),
  };
}

/** Each of the one with each of the other. Two paths at once cannot be said; two different methods never hold. */
function conjunction(fields: Fields, left: readonly RequestMatch[], right: readonly RequestMatch[]): RequestMatch[] {
  if (left.length * right.length > MAX_ALTERNATIVES) {
    fields.error('', 'unsupported', `more than ${MAX_ALTERNATIVES} alternatives`);
    return [];
  }
  const both = left.flatMap((a) => right.map((b) => ({ a, b })));
  if (both.some(({ a, b }) => a.path !== null && b.path !== null)) {
    fields.error('', 'unsupported', 'two paths that must both match are not applied yet', 'write one pattern');
    return [];
  }
  return both
    .filter(({ a, b }) => a.method === null || b.method === null || sameMethod(a, b))
    .map(({ a, b }) => ({ ...a, path: a.path ?? b.path, method: a.method ?? b.method }));
}

const sameMethod = (a: RequestMatch, b: RequestMatch): boolean => JSON.stringify(a.method) === JSON.stringify(b.method);
