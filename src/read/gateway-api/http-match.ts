// `rules[].matches[]` → RequestMatch.
import type { NamedMatch, PathMatch, RequestMatch, StringMatch } from '../../model/match.ts';
import type { Origin } from '../../model/origin.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser, refine, show } from '../field/parser.ts';
import { headerName, name, oneOf, regex, text } from '../field/values.ts';

export const defaultMatch = (origin: Origin): RequestMatch => ({
  path: { kind: 'path-prefix', value: '/' },
  method: null,
  authority: null,
  headers: [],
  query: [],
  client: null,
  origin,
});

/** null when any part cannot be applied: without it the match would be wider than written. */
export function readHttpMatch(fields: Fields): RequestMatch | null {
  const path = fields.object('path', readPath);
  const method = fields.get('method', methods);
  const headers = fields.objects('headers', (header) => readNamed(header, headerName));
  const query = fields.objects('queryParams', (parameter) => readNamed(parameter, name));
  if (!fields.complete()) return null;
  return {
    ...defaultMatch(fields.origin()),
    ...(path === null ? {} : { path }),
    method: method === null ? null : { kind: 'exact', value: method },
    headers: firstOfEach(headers),
    query: firstOfEach(query),
  };
}

const methods = oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH');

function readPath(fields: Fields): PathMatch | null {
  const type = fields.get('type', oneOf('Exact', 'PathPrefix', 'RegularExpression')) ?? 'PathPrefix';
  if (type === 'RegularExpression') {
    const pattern = fields.get('value', regex) ?? '/';
    return { kind: 'regex', value: pattern };
  }
  const value = fields.get('value', absolutePath) ?? '/';
  if (type === 'Exact') return { kind: 'exact', value, ignoreCase: false };
  // Trailing slashes say nothing in a prefix.
  return { kind: 'path-prefix', value: value.replace(/\/+$/, '') || '/' };
}

/** Gateway API, HTTPPathMatch.value: no empty and no dot segments, nothing encoded twice, no query or fragment. */
const absolutePath: Parser<string> = refine(text, (value) => {
  if (!value.startsWith('/')) return bad(`${show(value)} does not begin with "/"`);
  const forbidden = ['//', '/./', '/../', '%2f', '%2F', '#'].find((part) => value.includes(part));
  if (forbidden !== undefined) return bad(`${show(value)} contains ${show(forbidden)}`);
  return /\/\.{1,2}$/.test(value) ? bad(`${show(value)} ends in a dot segment`) : good(value);
});

function readNamed(fields: Fields, nameParser: Parser<string>): NamedMatch | null {
  const type = fields.get('type', oneOf('Exact', 'RegularExpression')) ?? 'Exact';
  const named = fields.require('name', nameParser);
  const value = fields.require('value', type === 'Exact' ? text : regex);
  if (named === null || value === null) return null;
  const match: StringMatch = { kind: type === 'Exact' ? 'exact' : 'regex', value };
  return { name: named, match, invert: false };
}

/** Of several entries of one name only the first counts. */
function firstOfEach(matches: readonly (NamedMatch | null)[]): NamedMatch[] {
  const known = matches.filter((match) => match !== null);
  return known.filter((match, index) => known.findIndex((other) => other.name === match.name) === index);
}
