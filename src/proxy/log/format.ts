// `%OPERATOR(parameter):length%` strings, compiled once. Access logs and header values share them.
import { at, ConfigError } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResponseHead } from '../http/message.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compileOperator, type OperatorScope } from './operators/compile.ts';
import type { Operator } from './operators/operator.ts';
import { textOf, truncated } from './operators/truncated.ts';

export type Format = (exchange: Exchange, response: ResponseHead | null, ended: number) => string;

type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'operator'; readonly read: Operator };

const OPERATOR = /%(?:%|([A-Z][A-Z0-9_]*)(?:\((.*?)\))?(?::(\d+))?%)/y;
const LONGEST = 64 * 1024;

export type FormatOptions = OperatorScope & {
  /** Stands for what has no value: '-' in logs, '' in headers. */
  readonly missing: string;
};

export function compileFormat(text: string, path: string, { missing, ...scope }: FormatOptions): Format {
  const segments = parseFormat(text, path, scope);
  const [only] = segments;
  if (segments.length === 0) return () => '';
  if (segments.length === 1 && only?.kind === 'text') return () => only.text;
  return (exchange, response, ended) => {
    let out = '';
    for (const segment of segments) {
      if (segment.kind === 'text') out += segment.text;
      else {
        const said = segment.read(exchange, response, ended);
        out += typeof said === 'string' ? said : said === undefined ? missing : textOf(said);
      }
    }
    return out;
  };
}

/** Literal text and operators in order; adjacent text is one segment. */
function parseFormat(text: string, path: string, scope: OperatorScope): Segment[] {
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
    const operator = compileOperator(name, parameter ?? null, path, scope);
    segments.push({
      kind: 'operator',
      read: truncated(operator, name, length === undefined ? undefined : Number(length), path),
    });
  }
  if (literal !== '') segments.push({ kind: 'text', text: literal });
  return segments;
}

/** A member of a JSON log: one operator alone keeps its type, anything else is text. */
export type JsonFormat = (exchange: Exchange, response: ResponseHead | null, ended: number) => unknown;

export type JsonOptions = OperatorScope & { readonly omitMissing: boolean };

export function compileJson(value: unknown, path: string, options: JsonOptions): JsonFormat {
  if (typeof value === 'string') return compileJsonText(value, path, options);
  if (Array.isArray(value)) {
    const members = value.map((member, i) => compileJson(member, `${path}[${i}]`, options));
    return (exchange, response, ended) =>
      members.map((member) => member(exchange, response, ended)).filter((member) => member !== undefined);
  }
  if (typeof value === 'object' && value !== null) return compileJsonObject(value, path, options);
  return () => value;
}

function compileJsonText(text: string, path: string, { omitMissing, ...scope }: JsonOptions): JsonFormat {
  const bytes = bytesOf(text);
  const segments = parseFormat(bytes, path, scope);
  const [only] = segments;
  if (segments.length === 1 && only?.kind === 'operator') {
    const missing = omitMissing ? undefined : null;
    return (exchange, response, ended) => only.read(exchange, response, ended) ?? missing;
  }
  return compileFormat(bytes, path, { missing: omitMissing ? '' : '-', ...scope });
}

/** Keys in alphabetical order, as Envoy prints them. */
function compileJsonObject(value: object, path: string, options: JsonOptions): JsonFormat {
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [bytesOf(key), compileJson(member, at(path, key), options)] as const);
  return (exchange, response, ended) => {
    const out: Record<string, unknown> = {};
    for (const [key, member] of members) {
      const found = member(exchange, response, ended);
      if (found !== undefined) out[key] = found;
    }
    return out;
  };
}
