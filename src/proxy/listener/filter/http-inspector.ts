// Tells HTTP from other plain text by its first line, as Envoy's http_inspector does: the application protocol is `http/1.0`, `http/1.1` or `h2c`.

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Envoy looks for the end of the line this far. */
const LONGEST_LINE = 65_536;
/** RFC 9110 section 9.1, section 5.6.2: a method is a token. */
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]+ (HTTP\/1\.[01])\r?$/;
const METHOD_START = /^[!#$%&'*+.^_`|~0-9A-Za-z-]*( |$)/;

/** null: more bytes are needed. [] is no HTTP. */
export function readHttpProtocols(bytes: Buffer): readonly string[] | null {
  const length = Math.min(bytes.length, PREFACE.length);
  if (bytes.subarray(0, length).equals(PREFACE.subarray(0, length))) return length === PREFACE.length ? ['h2c'] : null;
  const end = bytes.indexOf(0x0a);
  if (end === -1) {
    const possible = METHOD_START.test(bytes.toString('latin1', 0, Math.min(bytes.length, 32)));
    return possible && bytes.length < LONGEST_LINE ? null : [];
  }
  const version = REQUEST_LINE.exec(bytes.toString('latin1', 0, end))?.[1];
  return version === undefined ? [] : [version.toLowerCase()];
}
