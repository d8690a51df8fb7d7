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

/** Spellings learned from peers are kept up to this many: a peer that invents names must not grow the table. */
const LEARNED_LIMIT = 2_000;
const LEARNED_LENGTH = 64;

// RFC 9110 section 5.6.2
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const known = new Map<string, FieldName>();

/** The field's name in lower case with its role; null when it is no token. */
export function fieldName(spelling: string): FieldName | null {
  const found = known.get(spelling);
  return found === undefined ? learn(spelling) : found;
}

function learn(spelling: string): FieldName | null {
  if (!TOKEN.test(spelling)) return null;
  const name = spelling.toLowerCase();
  const field = known.get(name) ?? { name, role: ROLES[name] ?? role.plain };
  if (known.size < LEARNED_LIMIT && spelling.length <= LEARNED_LENGTH) known.set(spelling, field);
  return field;
}
