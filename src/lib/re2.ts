// Regular expressions from configuration: RE2 syntax, time linear in the text, so that no pattern can stall the process.
// Shapes that need no engine (literals, prefixes, suffixes, alternations of literals) become string tests.
import { RE2JS } from 're2js';

export type Regex = {
  readonly source: string;
  /** Whether the whole text matches. */
  matches(text: string): boolean;
  /** Every match replaced; in `substitution` `\0` is the match and `\1`…`\9` its groups, as in RE2. */
  replaceAll(text: string, substitution: string): string;
};

export type RegexOutcome =
  | { readonly ok: true; readonly regex: Regex }
  | { readonly ok: false; readonly reason: string };

const MAXIMUM_LENGTH = 16_384;
const OPERATORS = /[\\^$.|?*+()[\]{}]/;

export function compileRegex(source: string): RegexOutcome {
  if (source.length > MAXIMUM_LENGTH) {
    return { ok: false, reason: `pattern of ${source.length} characters, limit is ${MAXIMUM_LENGTH}` };
  }
  let engine: RE2JS;
  try {
    engine = RE2JS.compile(source);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  const matches = stringTest(source) ?? ((text: string) => engine.testExact(text));
  return {
    ok: true,
    regex: { source, matches, replaceAll: (text, substitution) => replaceAll(engine, text, substitution) },
  };
}

/** What is wrong with a substitution for this pattern, or null. */
export function checkSubstitution(source: string, substitution: string): string | null {
  const groups = RE2JS.compile(source).groupCount();
  for (const [reference, escaped] of substitution.matchAll(/\\(.?)/gs)) {
    if (escaped === '\\') continue;
    if (!/^[0-9]$/.test(escaped!)) return `${JSON.stringify(reference)} is neither \\\\ nor \\0 to \\9`;
    if (Number(escaped) > groups) return `${reference} refers to a group, the pattern has ${groups}`;
  }
  return null;
}

/** Equivalent of a whole-text match by plain string operations, or null. `.` does not match a line feed. */
function stringTest(source: string): ((text: string) => boolean) | null {
  // A whole-text match is anchored already.
  const body = source.replace(/^\^/, '').replace(/(?<!\\)\$$/, '');
  if (body === '.*') return (text) => !text.includes('\n');
  const literal = literalOf(body);
  if (literal !== null) return (text) => text === literal;
  if (body.endsWith('.*')) {
    const prefix = literalOf(body.slice(0, -2));
    if (prefix !== null) return (text) => text.startsWith(prefix) && text.indexOf('\n', prefix.length) < 0;
  }
  if (body.startsWith('.*')) {
    const suffix = literalOf(body.slice(2));
    if (suffix !== null) {
      return (text) => text.endsWith(suffix) && !text.slice(0, text.length - suffix.length).includes('\n');
    }
  }
  return alternationTest(body);
}

function alternationTest(body: string): ((text: string) => boolean) | null {
  const inner = /^\((?:\?:)?([^()]*)\)$/.exec(body)?.[1] ?? body;
  if (!inner.includes('|')) return null;
  const words = inner.split('|').map(literalOf);
  if (words.includes(null)) return null;
  const set = new Set(words);
  return (text) => set.has(text);
}

/** The one text a pattern matches, or null when it has operators. */
function literalOf(pattern: string): string | null {
  let literal = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '\\' && i + 1 < pattern.length && /[^A-Za-z0-9\s]/.test(pattern[i + 1]!)) literal += pattern[++i]!;
    else if (OPERATORS.test(char)) return null;
    else literal += char;
  }
  return literal;
}

function replaceAll(engine: RE2JS, text: string, substitution: string): string {
  let result = '';
  let end = 0;
  let first = true;
  for (const match of engine.matchAll(text)) {
    const at = match.index ?? 0;
    // RE2 does not replace an empty match that touches the match before it.
    if (!first && match[0] === '' && at === end) continue;
    first = false;
    result +=
      text.slice(end, at) +
      substitution.replace(/\\([0-9\\])/g, (_, c: string) => (c === '\\' ? c : (match[Number(c)] ?? '')));
    end = at + match[0].length;
  }
  return result + text.slice(end);
}
