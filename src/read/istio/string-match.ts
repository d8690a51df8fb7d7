// Istio's two ways to write a string match: an object (`exact`, `prefix`, `regex`) in routes, stars in policies.
import type { PathMatch, StringMatch } from '../../model/match.ts';
import type { Fields } from '../field/fields.ts';
import { regex, text } from '../field/values.ts';

/** null: more than one form or a bad pattern (reported), or, with no form at all, `empty`. */
export function readStringMatch(fields: Fields, empty: StringMatch | null): StringMatch | null {
  const exact = fields.get('exact', text);
  const prefix = fields.get('prefix', text);
  const pattern = fields.get('regex', regex);
  const forms: StringMatch[] = [];
  if (exact !== null) forms.push({ kind: 'exact', value: exact });
  if (prefix !== null) forms.push({ kind: 'prefix', value: prefix });
  if (pattern !== null) forms.push({ kind: 'regex', value: pattern });
  if (forms.length > 1) fields.error('', 'invalid', 'more than one of exact, prefix and regex', 'choose one');
  if (fields.failed) return null;
  return forms[0] ?? empty;
}

/** null: nothing said, or wrong (then reported). */
export function readPathMatch(fields: Fields, ignoreCase: boolean): PathMatch | null {
  const match = readStringMatch(fields, null);
  if (match?.kind === 'exact' || match?.kind === 'prefix') return { ...match, ignoreCase };
  return match?.kind === 'regex' ? match : null;
}

/** `*` is present, `abc*` a prefix, `*abc` a suffix, all else exact. */
export function starMatch(written: string): StringMatch {
  if (written === '*') return { kind: 'present' };
  if (written.endsWith('*')) return { kind: 'prefix', value: written.slice(0, -1) };
  if (written.startsWith('*')) return { kind: 'suffix', value: written.slice(1) };
  return { kind: 'exact', value: written };
}
