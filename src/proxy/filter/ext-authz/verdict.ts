// What an authorization server says of a request, in the same terms whatever it speaks; and how a request is changed by it.
import type { JsonObject } from '@bufbuild/protobuf';
import type { HeaderValueOption } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { HeaderValueOption_HeaderAppendAction as Append } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Exchange } from '../../http/exchange.ts';
import { flag } from '../../http/flags.ts';
import type { HeaderMap } from '../../http/headers.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { LocalReply } from '../filter.ts';

export type Verdict =
  | {
      readonly kind: 'ok';
      readonly request: readonly HeaderChange[];
      readonly remove: readonly string[];
      readonly response: readonly HeaderChange[];
      readonly query: { readonly set: readonly (readonly [string, string])[]; readonly remove: readonly string[] };
      readonly metadata: JsonObject | null;
    }
  | {
      readonly kind: 'denied';
      readonly status: number;
      readonly headers: HeaderMap;
      readonly body: Buffer;
      readonly metadata: JsonObject | null;
    }
  | { readonly kind: 'error'; readonly timeout: boolean };

export type HeaderChange = {
  readonly how: 'set' | 'add' | 'add-if-absent' | 'overwrite';
  readonly name: string;
  readonly value: string;
};

/** Headers the server may not touch: they decide where the request goes. */
const FIXED = /^(:|host$)/;

export function change(headers: HeaderMap, changes: readonly HeaderChange[]): void {
  for (const { how, name, value } of changes) {
    if (FIXED.test(name)) continue;
    if (how === 'set') headers.set(name, value);
    else if (how === 'add') headers.append(name, value);
    else if (how === 'add-if-absent' && !headers.has(name)) headers.append(name, value);
    else if (how === 'overwrite' && headers.has(name)) headers.set(name, value);
  }
}

/** `append` true only adds to what is there, false replaces; without it `append_action` says. */
export function changeOf({ header, append, appendAction }: HeaderValueOption, request: boolean): HeaderChange {
  const name = header?.key.toLowerCase() ?? '';
  const value =
    header === undefined || header.rawValue.length === 0 ? bytesOf(header?.value ?? '') : latin1(header.rawValue);
  if (append !== undefined) return { how: append ? 'add' : 'set', name, value };
  switch (appendAction) {
    case Append.ADD_IF_ABSENT:
      return { how: 'add-if-absent', name, value };
    case Append.OVERWRITE_IF_EXISTS:
      return { how: 'overwrite', name, value };
    case Append.OVERWRITE_IF_EXISTS_OR_ADD:
      return { how: 'set', name, value };
    default:
      return { how: request ? 'set' : 'add', name, value };
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

export function applyToRequest({ request }: Exchange, verdict: Extract<Verdict, { kind: 'ok' }>): void {
  change(request.headers, verdict.request);
  for (const name of verdict.remove) if (!FIXED.test(name)) request.headers.remove(name);
  if (verdict.query.set.length + verdict.query.remove.length > 0) request.path = withQuery(request.path, verdict.query);
}

/** Parameters that are set keep their place; new ones come last. */
function withQuery(path: string, { set, remove }: Extract<Verdict, { kind: 'ok' }>['query']): string {
  const start = path.indexOf('?');
  const pairs = start < 0 ? [] : path.slice(start + 1).split('&');
  const nameOf = (pair: string) => pair.split('=', 1)[0]!;
  const left = pairs.filter((pair) => !remove.includes(nameOf(pair)) && !set.some(([name]) => name === nameOf(pair)));
  const all = [...left, ...set.map(([name, value]) => `${name}=${value}`)];
  const bare = start < 0 ? path : path.slice(0, start);
  return all.length === 0 ? bare : `${bare}?${all.join('&')}`;
}

export function denial({ status, headers, body }: Extract<Verdict, { kind: 'denied' }>): LocalReply {
  return { status, body, details: 'ext_authz_denied', flags: flag.unauthorizedExternalService, headers };
}

export function failure(status: number): LocalReply {
  return { status, body: '', details: 'ext_authz_error', flags: flag.unauthorizedExternalService, headers: null };
}

export const noChanges = {
  request: [],
  remove: [],
  response: [],
  query: { set: [], remove: [] },
  metadata: null,
} as const;
