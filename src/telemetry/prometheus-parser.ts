// Reads Prometheus' text exposition format 0.0.4, strictly: one pass over the text, labels left as text so that a caller can know them by heart.
// A line that is not of the format ends the reading: what produced it is not trusted to have got the rest right.

/** `labels` is what stands between the braces, '' without any. */
export type SampleVisitor = (name: string, labels: string, value: number) => void;

/** Where the text stopped being the format. */
export type ExpositionFault = { readonly line: number; readonly reason: string };

export function parseExposition(text: string, visit: SampleVisitor): ExpositionFault | null {
  let line = 0;
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('\n', start);
    if (end === -1) end = text.length;
    line++;
    const reason = parseLine(text, start, end, visit);
    if (reason !== null) return { line, reason };
    start = end + 1;
  }
  return null;
}

const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\\n]|\\["\\n])*)"[ \t]*(,|$)/y;

/** `null` when the text between the braces is not a list of labels; a trailing comma is allowed, a name twice is not. */
export function parseLabels(labels: string): ReadonlyMap<string, string> | null {
  const found = new Map<string, string>();
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labels.length) {
    const match = LABEL.exec(labels);
    if (match === null) return null;
    const [, name = '', value = ''] = match;
    if (found.has(name)) return null;
    found.set(name, value.includes('\\') ? unescapeValue(value) : value);
  }
  return found;
}

function parseLine(text: string, start: number, end: number, visit: SampleVisitor): string | null {
  let at = skipBlanks(text, start, end);
  if (at === end || text.charCodeAt(at) === HASH) return null;
  const nameStart = at;
  while (at < end && isNamePart(text.charCodeAt(at), at === nameStart)) at++;
  if (at === nameStart) return 'a metric name must begin with a letter, _ or :';
  const name = text.slice(nameStart, at);
  at = skipBlanks(text, at, end);
  let labels = '';
  if (text.charCodeAt(at) === OPEN && at < end) {
    const close = closingBrace(text, at + 1, end);
    if (close === -1) return 'labels are not closed';
    labels = text.slice(at + 1, close);
    at = close + 1;
  }
  const [value = '', timestamp, ...rest] = text
    .slice(at, end)
    .trim()
    .split(/[ \t]+/);
  const number = parseValue(value);
  if (number === null) return `"${value.slice(0, 40)}" is not a number`;
  if (rest.length > 0 || (timestamp !== undefined && !/^-?\d{1,19}$/.test(timestamp))) return 'text after the value';
  visit(name, labels, number);
  return null;
}

const HASH = 0x23;
const OPEN = 0x7b;

function skipBlanks(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09)) at++;
  return at;
}

/** A brace inside a quoted value does not close. */
function closingBrace(text: string, from: number, end: number): number {
  let quoted = false;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) quoted = !quoted;
    else if (code === 0x5c && quoted) at++;
    else if (code === 0x7d && !quoted) return at;
  }
  return -1;
}

function isNamePart(code: number, first: boolean): boolean {
  const lower = code | 0x20;
  if ((lower >= 0x61 && lower <= 0x7a) || code === 0x5f || code === 0x3a) return true;
  return !first && code >= 0x30 && code <= 0x39;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function parseValue(text: string): number | null {
  if (NUMBER.test(text)) return Number(text);
  if (text === '+Inf' || text === 'Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return text === 'NaN' ? NaN : null;
}

const unescapeValue = (value: string): string =>
  value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
