// What a header field is to the codec: told once, when its name is read as text, and remembered with the entry of the table.

export const kind = {
  plain: 0,
  method: 1,
  path: 2,
  scheme: 3,
  authority: 4,
  status: 5,
  protocol: 6,
  host: 7,
  contentLength: 8,
  cookie: 9,
  te: 10,
  expect: 11,
  /** Hop-by-hop fields of HTTP/1.1, which have no place here (RFC 9113 section 8.2.2). */
  connection: 12,
  /** No valid name or value, or an unknown pseudo-header. */
  invalid: 13,
} as const;

const KINDS: ReadonlyMap<string, number> = new Map<string, number>([
  [':method', kind.method],
  [':path', kind.path],
  [':scheme', kind.scheme],
  [':authority', kind.authority],
  [':status', kind.status],
  [':protocol', kind.protocol],
  ['host', kind.host],
  ['content-length', kind.contentLength],
  ['cookie', kind.cookie],
  ['te', kind.te],
  ['expect', kind.expect],
  ['connection', kind.connection],
  ['proxy-connection', kind.connection],
  ['keep-alive', kind.connection],
  ['transfer-encoding', kind.connection],
  ['upgrade', kind.connection],
]);

// RFC 9113 section 8.2.1: tokens in lower case.
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// RFC 9110 section 5.5: no control characters but tab, no white space around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;

export function kindOfName(name: string): number {
  return KINDS.get(name) ?? (NAME.test(name) ? kind.plain : kind.invalid);
}

export function isFieldValue(value: string): boolean {
  return !BAD_VALUE.test(value);
}
