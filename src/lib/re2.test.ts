import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { checkSubstitution, compileRegex, type Regex } from './re2.ts';
import '../../test/support/same-cases.ts';

function compiled(source: string): Regex {
  const outcome = compileRegex(source);
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.regex;
}

describe('matches is a match of the whole text', () => {
  test.each<[string, string[], string[]]>([
    ['/api', ['/api'], ['/api/', '/ap', 'x/api']],
    ['/v1\\.2', ['/v1.2'], ['/v1x2']],
    ['/api/.*', ['/api/', '/api/x/y'], ['/api', '/API/', '/api/\n']],
    ['.*\\.html', ['.html', '/a.html'], ['/a.htm', '/a.html/', '\n.html']],
    ['.*', ['', 'anything'], ['a\nb']],
    ['a|b|c', ['a', 'c'], ['ab', '', 'd']],
    ['(a|b)', ['a', 'b'], ['c']],
    ['(?:GET|HEAD)', ['GET', 'HEAD'], ['GETHEAD']],
    ['^a|b$', ['a', 'b'], ['ab', 'ax', 'xb']],
    ['a\\$', ['a$'], ['a']],
    ['/user/[0-9]+', ['/user/12'], ['/user/', '/user/12/']],
    ['(?i)abc', ['aBc'], ['aBcd']],
    ['a{2}', ['aa'], ['a{2}', 'a']],
    ['|a', ['', 'a'], ['b']],
  ])('%s', (source, matching, others) => {
    const regex = compiled(source);
    for (const text of matching) expect([text, regex.matches(text)]).toEqual([text, true]);
    for (const text of others) expect([text, regex.matches(text)]).toEqual([text, false]);
  });

  test('string tests agree with the engine', () => {
    const piece = fc.constantFrom('a', 'b', '.*', '\\.', '|', '(', ')', '^', '$', '\\$', '(?:', '-', '\n');
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '$', '-', '\n'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), text, (pieces, subject) => {
        const source = pieces.join('');
        const outcome = compileRegex(source);
        if (outcome.ok) expect(outcome.regex.matches(subject)).toBe(RE2JS.compile(source).testExact(subject));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('refused', () => {
  test.each([
    ['unclosed group', '(a'],
    ['backreference', '(a)\\1'],
    ['lookahead', '(?=a)'],
    ['repeat count', 'a{1001}'],
    ['nested repeats that would blow up', '((a{100}){100}){100}'],
    ['too long', 'a'.repeat(20_000)],
  ])('%s', (_name, source) => {
    expect(compileRegex(source)).toEqual({ ok: false, reason: expect.any(String) });
  });
});

test('patterns that would stall a backtracking engine for good are answered', () => {
  const text = `${'a'.repeat(5000)}!`;
  const started = performance.now();
  for (const source of ['(a+)+', '(a|a)*', '(a*)*b', '(.*a){20}', '([a-z]+)*\\d'])
    expect(compiled(source).matches(text)).toBe(false);
  expect(performance.now() - started).toBeLessThan(30_000);
});

describe('replaceAll', () => {
  test.each([
    ['^/service/([^/]+)(/.*)$', '\\2/instance/\\1', '/service/foo/v1/api', '/v1/api/instance/foo'],
    ['one', 'two', '/xxx/one/yyy/one/zzz', '/xxx/two/yyy/two/zzz'],
    ['(?i)/xxx/', '/yyy/', '/aaa/XxX/bbb', '/aaa/yyy/bbb'],
    ['^(.*?)one(.*)$', '\\1two\\2', '/xxx/one/yyy/one/zzz', '/xxx/two/yyy/one/zzz'],
    ['a*', 'x', 'aab', 'xbx'],
    ['b', '[\\0\\\\]', 'abc', 'a[b\\]c'],
    ['(a)|(b)', '<\\2>', 'ab', '<><b>'],
  ])('%s → %s', (source, substitution, text, wants) => {
    expect(compiled(source).replaceAll(text, substitution)).toBe(wants);
  });

  test.each([
    ['(a)', '\\1', null],
    ['a', 'x\\\\', null],
    ['a', '\\1', '\\1 refers to a group, the pattern has 0'],
    ['a', 'x\\q', '"\\\\q" is neither \\\\ nor \\0 to \\9'],
    ['a', 'x\\', '"\\\\" is neither \\\\ nor \\0 to \\9'],
  ])('substitution for %s: %s', (source, substitution, wants) => {
    expect(checkSubstitution(source, substitution)).toBe(wants);
  });
});
