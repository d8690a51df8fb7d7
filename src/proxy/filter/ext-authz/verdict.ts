// What an authorization server says of a request, in the same terms whatever it speaks; and how a request is changed by it.
import type { JsonObject } from '@bufbuild/protobuf';
import type { HeaderValue, HeaderValueOption } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { HeaderValueOption_HeaderAppendAction as Append } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Exchange } from '../../http/exchange.ts';
import { flag } from '../../http/flags.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestHead } from '../../http/message.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { FilterScope, LocalReply } from '../filter.ts';
import type { Rules } from '../mutation-rules.ts';

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
  | { readonly kind: 'error' };

export type HeaderChange = {
  readonly how: 'set' | 'add' | 'add-if-absent' | 'overwrite' | 'join';
  readonly name: string;
  readonly value: string;
};

export type Passed = Extract<Verdict, { kind: 'ok' }>;
export type Denied = Extract<Verdict, { kind: 'denied' }>;

const TOKEN = /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/i;
/** Also bytes that no header may hold. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNPRINTABLE = /[\0-\x08\x0a-\x1f\x7f]/;
const QUERY = /^[A-Za-z0-9\-._~!$'()*,;:@/?%+]*$/;
/** Headers the server may not touch: they decide where the request goes. */
const FIXED = /^(:|host$)/;

/** false: `most` headers (with the status) are there already, and a change would add one. What came before it has been made. */
export function change(
  headers: HeaderMap,
  changes: readonly HeaderChange[],
  most: number = Number.POSITIVE_INFINITY,
): boolean {
  for (const { how, name, value } of changes) {
    if (FIXED.test(name)) continue;
    if (headers.size + 1 >= most && (how === 'add' || !headers.has(name)) && how !== 'overwrite' && how !== 'join')
      return false;
    if (how === 'set') headers.set(name, value);
    else if (how === 'add') headers.append(name, value);
    else if (how === 'add-if-absent' && !headers.has(name)) headers.append(name, value);
    else if (how === 'overwrite' && headers.has(name)) headers.set(name, value);
    else if (how === 'join' && headers.has(name)) headers.set(name, `${headers.joined(name)},${value}`);
  }
  return true;
}

/** Of a request in HTTP/2: method, scheme, authority, path. */
const PSEUDO_HEADERS = 4;

/** Whether a request that was changed is one that would have been accepted. */
export function fits(
  { headers, method, scheme, authority, path }: RequestHead,
  { maxHeaders, maxHeadBytes }: FilterScope['requestLimits'],
): boolean {
  if (headers.size + PSEUDO_HEADERS > maxHeaders) return false;
  const names = ':method:scheme:authority:path'.length;
  let bytes = names + method.length + scheme.length + authority.length + path.length;
  for (const text of headers.fields) bytes += text.length;
  return bytes <= maxHeadBytes;
}

/** For the request Envoy looks at `append` alone: true adds to the value that is there, if there is one; otherwise the value is replaced. */
export function requestChangeOf({ header, append }: HeaderValueOption): HeaderChange {
  return { how: append === true ? 'join' : 'set', name: nameOf(header), value: textOf(header) };
}

export function responseChangeOf({ header, append, appendAction }: HeaderValueOption): HeaderChange {
  return {
    how: append === undefined ? actionOf(appendAction) : append ? 'add' : 'set',
    name: nameOf(header),
    value: textOf(header),
  };
}

function actionOf(action: Append): HeaderChange['how'] {
  switch (action) {
    case Append.ADD_IF_ABSENT:
      return 'add-if-absent';
    case Append.OVERWRITE_IF_EXISTS:
      return 'overwrite';
    case Append.OVERWRITE_IF_EXISTS_OR_ADD:
      return 'set';
    default:
      return 'add';
  }
}

function nameOf(header: HeaderValue | undefined): string {
  return header?.key.toLowerCase() ?? '';
}

function textOf(header: HeaderValue | undefined): string {
  if (header === undefined) return '';
  return header.rawValue.length === 0 ? bytesOf(header.value) : Buffer.from(header.rawValue).toString('latin1');
}

/** What of a verdict rules allow; null: something that they do not is an error. */
export function within(rules: Rules, verdict: Passed): Passed | null {
  const names = [...verdict.request.map(({ name }) => name), ...verdict.remove];
  if (names.some((name) => rules.allows(name) === null)) return null;
  return {
    ...verdict,
    request: verdict.request.filter(({ name }) => rules.allows(name) === true),
    remove: verdict.remove.filter((name) => rules.allows(name) === true),
  };
}

/** Whether everything a verdict changes can stand in a message (RFC 9110 5.1, 5.5; RFC 3986 3.4). */
export function isValid(verdict: Passed | Denied): boolean {
  if (verdict.kind === 'denied') return [...verdict.headers].every(([name, value]) => isField(name, value));
  const { request, response, query } = verdict;
  return (
    [...request, ...response].every(({ name, value }) => isField(name, value)) &&
    [...query.set.flat(), ...query.remove].every((text) => QUERY.test(text))
  );
}

function isField(name: string, value: string): boolean {
  return TOKEN.test(name) && !UNPRINTABLE.test(value);
}

export function applyToRequest({ request }: Exchange, verdict: Passed): void {
  change(request.headers, verdict.request);
  for (const name of verdict.remove) if (!FIXED.test(name)) request.headers.remove(name);
  if (verdict.query.set.length + verdict.query.remove.length > 0) request.path = withQuery(request.path, verdict.query);
}

/** Envoy writes the parameters of a changed query in the order of their names. */
function withQuery(path: string, { set, remove }: Passed['query']): string {
  const start = path.indexOf('?');
  const before = start < 0 ? [] : path.slice(start + 1).split('&');
  const parameterOf = (pair: string) => pair.split('=', 1)[0]!;
  const replaced = new Set([...remove, ...set.map(([name]) => name)]);
  const pairs = [
    ...before.filter((pair) => !replaced.has(parameterOf(pair))),
    ...set.map(([name, value]) => `${name}=${value}`),
  ].sort((a, b) => (parameterOf(a) < parameterOf(b) ? -1 : Number(parameterOf(a) > parameterOf(b))));
  const bare = start < 0 ? path : path.slice(0, start);
  return pairs.length === 0 ? bare : `${bare}?${pairs.join('&')}`;
}

/** What the server said is not to be believed. */
export const invalid: LocalReply = {
  status: 500,
  body: '',
  details: 'ext_authz_invalid',
  flags: flag.unauthorizedExternalService,
  headers: null,
};

export function denial({ status, headers, body }: Denied): LocalReply {
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
