import { describe, expect, test } from 'vitest';
import { compileUriTemplate } from './uri-template.ts';

test.each<[template: string, matching: readonly string[], others: readonly string[]]>([
  ['/a/*', ['/a/b', '/a/b.c', '/a/%20'], ['/a', '/a/', '/a/b/c', '/a/[']],
  ['/a/**', ['/a/', '/a/b/c'], ['/a', '/ab']],
  ['/**.mpd', ['/x/y.mpd', '/.mpd'], ['/x/y.mp4']],
  ['/v{version}/u', ['/v1/u'], ['/v/u', '/v1/x']],
  ['/{a=x/*}/{b=**}', ['/x/1/', '/x/1/2/3'], ['/y/1/2', '/x/1']],
  ['/a.b', ['/a.b'], ['/acb']],
])('%s', (template, matching, others) => {
  const { matches } = compileUriTemplate(template, 't');
  expect(matching.filter((path) => !matches(path))).toEqual([]);
  expect(others.filter(matches)).toEqual([]);
});

test.each<[template: string, rewrite: string, path: string, wants: string]>([
  ['/{one}/{two}', '/{two}/{one}', '/cat/dog', '/dog/cat'],
  ['/videos/{language=lang/*}/*', '/{language}', '/videos/lang/en/video.m4s', '/lang/en'],
  ['/{a}', '/x\\1/{a}$&', '/y', '/x\\1/y$&'],
  ['/{a}', '/{a}', '/no/match', '/no/match'],
])('%s as %s: %s → %s', (template, rewrite, path, wants) => {
  expect(compileUriTemplate(template, 't').rewrite(rewrite, 'r')(path)).toBe(wants);
});

describe('refused', () => {
  test.each<[template: string, wants: string]>([
    ['a', 't: must begin with /'],
    ['/a//b', 't: has an empty segment'],
    ['/**/*', 't: has an operator after **'],
    ['/{a}/{a}', 't: has the variable a twice'],
    ['/{1a}', 't: cannot be read from "{1a}" on'],
    ['/{a', 't: cannot be read from "{a" on'],
    ['/{a}{b}{c}{d}{e}{f}', 't: has more than 5 variables'],
  ])('%s', (template, wants) => {
    expect(() => compileUriTemplate(template, 't')).toThrow(wants);
  });

  test.each<[rewrite: string, wants: string]>([
    ['a', 'r: must begin with /'],
    ['/{b}', 'r: {b} is no variable of the match'],
    ['/*', 'r: cannot be read: "/*"'],
  ])('rewrite %s', (rewrite, wants) => {
    expect(() => compileUriTemplate('/{a}', 't').rewrite(rewrite, 'r')).toThrow(wants);
  });
});
