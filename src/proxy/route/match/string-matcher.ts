// StringMatcher → a test. Subjects hold one byte per character, so patterns are turned into bytes once, here.
import { compileRegex, type Regex } from '../../../lib/re2.ts';
import { at, ConfigError } from '../../config/config-error.ts';

export type StringTest = (text: string) => boolean;

/** As `envoy.type.matcher.v3` and `xds.type.matcher.v3` have it alike. */
type StringMatcher = {
  readonly ignoreCase: boolean;
  readonly matchPattern:
    | { readonly case: 'exact' | 'prefix' | 'suffix' | 'contains'; readonly value: string }
    | { readonly case: 'safeRegex'; readonly value: RegexMatcher }
    | { readonly case: 'custom'; readonly value: unknown }
    | { readonly case: undefined };
};
type RegexMatcher = { readonly regex: string };

export function compileString(matcher: StringMatcher | undefined, path: string): StringTest {
  const pattern = matcher?.matchPattern;
  if (matcher === undefined || pattern === undefined || pattern.case === undefined) {
    throw new ConfigError(path, 'has no pattern');
  }
  if (pattern.case === 'safeRegex') return compileWhole(pattern.value, at(path, 'safe_regex'));
  if (pattern.case === 'custom') throw new ConfigError(at(path, 'custom'), 'is not supported');
  if (pattern.value === '' && pattern.case !== 'exact') throw new ConfigError(at(path, pattern.case), 'is empty');
  const plain = compilePlain(pattern.case, bytesOf(matcher.ignoreCase ? pattern.value.toLowerCase() : pattern.value));
  return matcher.ignoreCase ? (text) => plain(text.toLowerCase()) : plain;
}

/** Tests of one fixed text; the pattern must be bytes already. */
export function compilePlain(kind: 'exact' | 'prefix' | 'suffix' | 'contains', pattern: string): StringTest {
  switch (kind) {
    case 'exact':
      return (text) => text === pattern;
    case 'prefix':
      return (text) => text.startsWith(pattern);
    case 'suffix':
      return (text) => text.endsWith(pattern);
    case 'contains':
      return (text) => text.includes(pattern);
  }
}

/** A whole-text match. */
export function compileWhole(matcher: RegexMatcher | undefined, path: string): StringTest {
  const regex = compilePattern(matcher, path);
  return (text) => regex.matches(charactersOf(text));
}

export function compilePattern(matcher: RegexMatcher | undefined, path: string): Regex {
  if (matcher === undefined || matcher.regex === '') throw new ConfigError(at(path, 'regex'), 'is empty');
  const outcome = compileRegex(matcher.regex);
  if (!outcome.ok) throw new ConfigError(at(path, 'regex'), outcome.reason);
  return outcome.regex;
}

/** UTF-8 bytes of a configured text, one per character. */
export function bytesOf(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The reverse of `bytesOf`: RE2 works on characters, heads hold bytes. */
export function charactersOf(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
