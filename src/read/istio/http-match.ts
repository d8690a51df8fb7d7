// `http[].match[]` → RequestMatch, with what is not about the request itself (gateway, port) apart.
import type { NamedMatch, RequestMatch, StringMatch } from '../../model/match.ts';
import type { Port } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { boolean, headerName, name, port, text } from '../field/values.ts';
import { readPathMatch, readStringMatch } from './string-match.ts';

/** `gateways: null` is each of the VirtualService's. */
export type ScopedMatch = {
  readonly match: RequestMatch;
  readonly gateways: readonly string[] | null;
  readonly port: Port | null;
};

const present: StringMatch = { kind: 'present' };

/** null when any part cannot be applied: without it the match would be wider than written. */
export function readHttpMatch(fields: Fields): ScopedMatch | null {
  const ignoreCase = fields.get('ignoreUriCase', boolean) ?? false;
  const match: RequestMatch = {
    path: fields.object('uri', (uri) => readPathMatch(uri, ignoreCase)),
    method: fields.object('method', (method) => readStringMatch(method, null)),
    authority: fields.object('authority', (authority) => readStringMatch(authority, null)),
    headers: [...readHeaders(fields, 'headers', false), ...readHeaders(fields, 'withoutHeaders', true)],
    query: fields.mapOfObjects('queryParams', readNamed(false)).filter((item) => item !== null),
    client: readClient(fields),
    origin: fields.origin(),
  };
  const gateways = fields.has('gateways') ? fields.list('gateways', name) : null;
  const requestPort = fields.get('port', port);
  fields.ignore('name', 'statPrefix');
  fields.unsupported('scheme');
  return fields.complete() ? { match, gateways, port: requestPort } : null;
}

function readHeaders(fields: Fields, key: string, invert: boolean): NamedMatch[] {
  return fields
    .mapOfObjects(key, (match, written) => {
      if (written.startsWith('@')) {
        match.warn('', 'unsupported', `claims of a token (${written}) are not applied yet`);
        match.ignoreRest();
        return [];
      }
      const named = readNamed(invert)(match, written);
      const valid = headerName(written);
      if (!valid.ok) match.error('', 'invalid', valid.message, valid.hint);
      return valid.ok && named !== null ? [{ ...named, name: valid.value }] : [];
    })
    .flat();
}

const readNamed =
  (invert: boolean) =>
  (fields: Fields, written: string): NamedMatch | null => {
    const match = readStringMatch(fields, present);
    return match === null ? null : { name: written, match, invert };
  };

function readClient(fields: Fields): RequestMatch['client'] {
  const labels = fields.map('sourceLabels', text);
  const namespace = fields.get('sourceNamespace', name);
  return labels.length === 0 && namespace === null ? null : { labels: Object.fromEntries(labels), namespace };
}
