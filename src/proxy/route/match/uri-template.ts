// URI templates: `/videos/{lang=*}/**.m3u8` as a match, `/{lang}/list` as a rewrite of it (envoy.path.match.uri_template and
// envoy.path.rewrite.uri_template). A template becomes an RE2 pattern, so that matching takes linear time.
import { compileRegex, type Regex } from '../../../lib/re2.ts';
import { ConfigError } from '../../config/config-error.ts';
import type { StringTest } from './string-matcher.ts';

export type UriTemplate = {
  readonly matches: StringTest;
  /** Fills a rewrite with the variables of a path that matches. @throws ConfigError */
  rewrite(template: string, path: string): (path: string) => string;
};

/** Characters of RFC 3986's pchar, but for `*`, which is an operator. */
const LITERAL = "a-zA-Z0-9\\-._~%!$&'()+,;:@=";
const SEGMENT = `[${LITERAL}*]+`;
const SEGMENTS = `[${LITERAL}*/]*`;
const VARIABLE = /^\{([A-Za-z][A-Za-z0-9_]{0,15})(?:=([^{}]+))?\}/;
const PLAIN = new RegExp(`^[${LITERAL}]+`);
const MOST_VARIABLES = 5;

/** Where a template is being read. */
type Reading = { rest: string; pattern: string; readonly names: string[]; ended: boolean; readonly path: string };

export function compileUriTemplate(template: string, path: string): UriTemplate {
  if (!template.startsWith('/')) throw new ConfigError(path, 'must begin with /');
  if (template.includes('//')) throw new ConfigError(path, 'has an empty segment');
  const reading: Reading = { rest: template, pattern: '', names: [], ended: false, path };
  while (reading.rest !== '') readPart(reading);
  if (reading.names.length > MOST_VARIABLES) throw new ConfigError(path, `has more than ${MOST_VARIABLES} variables`);
  const outcome = compileRegex(`^${reading.pattern}$`);
  if (!outcome.ok) throw new ConfigError(path, outcome.reason);
  const { regex } = outcome;
  const { names } = reading;
  return { matches: regex.matches, rewrite: (rewrite, where) => compileRewrite(rewrite, regex, names, where) };
}

function readPart(reading: Reading): void {
  const { rest, path } = reading;
  const variable = VARIABLE.exec(rest);
  if (variable !== null) {
    const [whole, name, inner = '*'] = variable;
    if (reading.names.includes(name!)) throw new ConfigError(path, `has the variable ${name} twice`);
    reading.names.push(name!);
    reading.pattern += '(';
    reading.rest = inner;
    while (reading.rest !== '') readPlain(reading);
    reading.pattern += ')';
    reading.rest = rest.slice(whole.length);
  } else readPlain(reading);
}

/** What may stand in a variable too. */
function readPlain(reading: Reading): void {
  const { rest, path } = reading;
  const operator = rest.startsWith('**') ? '**' : rest.startsWith('*') ? '*' : '';
  const text = operator || (rest.startsWith('/') ? '/' : PLAIN.exec(rest)?.[0]);
  if (text === undefined) throw new ConfigError(path, `cannot be read from ${JSON.stringify(rest)} on`);
  if (operator !== '' && reading.ended) throw new ConfigError(path, 'has an operator after **');
  if (operator === '**') reading.ended = true;
  reading.rest = rest.slice(text.length);
  if (operator === '') reading.pattern += quoted(text);
  else reading.pattern += operator === '**' ? SEGMENTS : SEGMENT;
}

function compileRewrite(
  template: string,
  regex: Regex,
  names: readonly string[],
  path: string,
): (path: string) => string {
  if (!template.startsWith('/')) throw new ConfigError(path, 'must begin with /');
  const substitution = template
    .split(/(\{[^{}]*\})/)
    .map((part) => {
      if (part.startsWith('{')) return reference(part, names, path);
      if (/[{}*]/.test(part)) throw new ConfigError(path, `cannot be read: ${JSON.stringify(part)}`);
      return part.replaceAll('\\', '\\\\');
    })
    .join('');
  return (text) => regex.replaceAll(text, substitution);
}

/** `{name}` → the number of its group. */
function reference(part: string, names: readonly string[], path: string): string {
  const index = names.indexOf(part.slice(1, -1));
  if (index < 0) throw new ConfigError(path, `${part} is no variable of the match`);
  return `\\${index + 1}`;
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
