// Names of header fields: which the codec acts on, which are tokens, and one shared lower-case string for each common name.

/** What the codec does with a field. */
export const role = {
  plain: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  /** Hop-by-hop without meaning for us: dropped. */
  drop: 5,
  te: 6,
  expect: 7,
  upgrade: 8,
} as const;

export type FieldName = { readonly name: string; readonly role: number };

const ROLES: Readonly<Record<string, number>> = {
  host: role.host,
  'content-length': role.contentLength,
  'transfer-encoding': role.transferEncoding,
  connection: role.connection,
  'keep-alive': role.drop,
  'proxy-connection': role.drop,
  te: role.te,
  expect: role.expect,
  upgrade: role.upgrade,
};

// RFC 9110 section 5.6.2
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A name as a peer spells it, with what it stands for. */
type Spelling = { readonly text: string; readonly field: FieldName };

// Names are found where they stand in the head, by length and outer characters: cutting each out and hashing it costs more than
// comparing it with the one or two spellings of its slot.
const SLOTS = 1_024;
/** A peer that invents names must not make the table large, nor a slot slow. */
const SLOT_LIMIT = 6;
const LEARNED_LENGTH = 64;

const slots: Spelling[][] = Array.from({ length: SLOTS }, () => []);
const fields = new Map<string, FieldName>();

// What nearly every message has, before peers can fill the table: as HTTP/2 and as old servers spell it.
const COMMON =
  'accept accept-encoding accept-language accept-ranges access-control-allow-origin age authorization cache-control content-encoding content-type cookie date ' +
  'etag expires if-modified-since if-none-match last-modified location origin pragma referer server set-cookie trailer user-agent vary via x-envoy-attempt-count ' +
  'x-envoy-upstream-service-time x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-proto x-request-id x-tulle-peer traceparent tracestate grpc-status grpc-message';
for (const name of [...Object.keys(ROLES), ...COMMON.split(' ')]) {
  const capitals = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  for (const spelling of [name, capitals]) fieldNameAt(spelling, 0, spelling.length);
}

/** The name that stands in `text` from `from` up to `to`, in lower case with its role; null when it is no token. */
export function fieldNameAt(text: string, from: number, to: number): FieldName | null {
  const length = to - from;
  const slot = slots[(length * 961 + text.charCodeAt(from) * 31 + text.charCodeAt(to - 1)) & (SLOTS - 1)]!;
  for (let i = 0; i < slot.length; i++) {
    const { text: spelling, field } = slot[i]!;
    if (spelling.length === length && text.startsWith(spelling, from)) return field;
  }
  return learn(text.slice(from, to), slot);
}

function learn(spelling: string, slot: Spelling[]): FieldName | null {
  if (!TOKEN.test(spelling)) return null;
  const name = spelling.toLowerCase();
  const known = fields.get(name);
  const field = known ?? { name: interned(name), role: ROLES[name] ?? role.plain };
  if (slot.length >= SLOT_LIMIT || spelling.length > LEARNED_LENGTH) return field;
  slot.push({ text: interned(spelling), field });
  if (known === undefined) fields.set(field.name, field);
  return field;
}

/** The engine's own copy, as literals are: two such strings are compared by address. */
function interned(text: string): string {
  return Object.keys({ [text]: 0 })[0]!;
}
