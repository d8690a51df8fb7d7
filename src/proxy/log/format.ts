// `%OPERATOR(parameter):length%` strings, compiled once. Access logs and header values share them.
import { at, ConfigError } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResponseHead } from '../http/message.ts';
import { compileOperator } from './operators.ts';

/** What one operator says of an exchange; undefined when there is nothing to say. `ended` is 0 while it goes on. */
export type Operator = (
  exchange: Exchange,
  response: ResponseHead | null,
  ended: number,
) => string | number | undefined;

export type Format = (exchange: Exchange, response: ResponseHead | null, ended: number) => string;

type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'operator'; readonly read: Operator };

const OPERATOR = /%(?:%|([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d+))?%)/y;
const LONGEST = 64 * 1024;

/** `missing` stands for what has no value: '-' in logs, '' in headers. */
export function compileFormat(text: string, path: string, missing: string): Format {
  const segments = parseFormat(text, path);
  const [only] = segments;
  if (segments.length === 0) return () => '';
  if (segments.length === 1 && only?.kind === 'text') return () => only.text;
  return (exchange, response, ended) => {
    let out = '';
    for (const segment of segments) {
      out += segment.kind === 'text' ? segment.text : (segment.read(exchange, response, ended) ?? missing);
    }
    return out;
  };
}

/** Literal text and operators in order; adjacent text is one segment. */
function parseFormat(text: string, path: string): Segment[] {
  if (text.length > LONGEST) throw new ConfigError(path, `is longer than ${LONGEST} characters`);
  const segments: Segment[] = [];
  let literal = '';
  for (let i = 0; i < text.length; ) {
    if (text[i] !== '%') {
      literal += text[i++];
      continue;
    }
    OPERATOR.lastIndex = i;
    const found = OPERATOR.exec(text);
    if (found === null) throw new ConfigError(path, `no operator at ${JSON.stringify(text.slice(i, i + 20))}`);
    i = OPERATOR.lastIndex;
    const [, name, parameter, length] = found;
    if (name === undefined) {
      literal += '%';
      continue;
    }
    if (literal !== '') segments.push({ kind: 'text', text: literal });
    literal = '';
    segments.push({ kind: 'operator', read: truncated(compileOperator(name, parameter ?? null, path), length) });
  }
  if (literal !== '') segments.push({ kind: 'text', text: literal });
  return segments;
}

/** A member of a JSON log: one operator alone keeps its type, anything else is text. */
export type JsonFormat = (exchange: Exchange, response: ResponseHead | null, ended: number) => unknown;

export function compileJson(value: unknown, path: string, omitMissing: boolean): JsonFormat {
  if (typeof value === 'string') return compileJsonText(value, path, omitMissing);
  if (Array.isArray(value)) {
    const members = value.map((member, i) => compileJson(member, `${path}[${i}]`, omitMissing));
    return (exchange, response, ended) => members.map((member) => member(exchange, response, ended) ?? null);
  }
  if (typeof value === 'object' && value !== null) return compileJsonObject(value, path, omitMissing);
  return () => value;
}

function compileJsonText(text: string, path: string, omitMissing: boolean): JsonFormat {
  const segments = parseFormat(text, path);
  const [only] = segments;
  if (segments.length === 1 && only?.kind === 'operator') {
    const missing = omitMissing ? undefined : null;
    return (exchange, response, ended) => only.read(exchange, response, ended) ?? missing;
  }
  return compileFormat(text, path, omitMissing ? '' : '-');
}

/** Keys in alphabetical order, as Envoy prints them. */
function compileJsonObject(value: object, path: string, omitMissing: boolean): JsonFormat {
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, compileJson(member, at(path, key), omitMissing)] as const);
  return (exchange, response, ended) => {
    const out: Record<string, unknown> = {};
    for (const [key, member] of members) {
      const found = member(exchange, response, ended);
      if (found !== undefined) out[key] = found;
    }
    return out;
  };
}

function truncated(read: Operator, length: string | undefined): Operator {
  if (length === undefined) return read;
  const limit = Number(length);
  return (exchange, response, ended) => {
    const value = read(exchange, response, ended);
    return value === undefined ? undefined : String(value).slice(0, limit);
  };
}
