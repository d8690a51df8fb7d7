import { describe, expect, test } from 'vitest';
import { compileSearch } from './re2-search.ts';

describe('a search', () => {
  test.each<[source: string, text: string, finds: boolean, groups: readonly string[] | null]>([
    ['b', 'abc', true, null],
    ['^b', 'abc', false, null],
    ['a(b)c', 'abc', true, ['abc', 'b']],
    ['a(?P<x>b)(d)?c', 'abc', true, ['abc', 'b', '']],
    ['z', 'abc', false, null],
  ])('%s in %s', (source, text, finds, groups) => {
    const search = compileSearch(source);
    expect([search.finds(text), search.groups(text)]).toEqual([finds, groups]);
  });

  test('sizes', () => {
    expect(['a', 'a{96}', '[a-z]{40}[0-9]{40}'].map((source) => compileSearch(source).size)).toEqual([3, 98, 82]);
  });

  test('names of groups', () => {
    expect(compileSearch('(a)(?P<x>b)').names).toEqual([undefined, undefined, 'x']);
  });

  test.each([
    ['(b)(c)', '\\2-\\1', 'c-b'],
    ['b', '<\\0\\\\>', '<b\\>'],
    ['z', '\\0', null],
  ])('extract %s %s', (source, rewrite, wants) => {
    expect(compileSearch(source).extract('abc', rewrite)).toBe(wants);
  });

  test('no pattern', () => {
    expect(() => compileSearch('(')).toThrow();
  });
});
