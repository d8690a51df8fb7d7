import { describe, expect, test } from 'vitest';
import { covers, intersect, mostSpecific } from './hosts.ts';

describe('covers', () => {
  test.each([
    ['*', 'a.b', true],
    ['*', '*', true],
    ['a.b', 'a.b', true],
    ['a.b', 'x.a.b', false],
    ['*.b', 'a.b', true],
    ['*.b', 'x.a.b', true],
    ['*.b', 'b', false],
    ['*.b', 'ab', false],
    ['*.b', '*.a.b', true],
    ['*.a.b', '*.b', false],
    ['*.b', '*.b', true],
    ['*.b', '*', false],
  ])('%s covers %s: %s', (pattern, host, expected) => {
    expect(covers(pattern, host)).toBe(expected);
  });
});

describe('intersect', () => {
  test.each([
    ['*.example.com', 'a.example.com', 'a.example.com'],
    ['a.example.com', '*.example.com', 'a.example.com'],
    ['*.example.com', '*.a.example.com', '*.a.example.com'],
    ['*', '*.a', '*.a'],
    ['a.b', 'a.c', null],
    ['*.a', '*.b', null],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(intersect(a, b)).toBe(expected);
  });
});

test.each([
  ['a.b.c', 'a.b.c'],
  ['x.b.c', '*.b.c'],
  ['x.y.c', '*.c'],
  ['other', '*'],
])('%s is meant by %s', (host, expected) => {
  expect(mostSpecific(host, ['*', '*.c', '*.b.c', 'a.b.c'], (each) => each)).toBe(expected);
});
