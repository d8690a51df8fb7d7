import { expect, test } from 'vitest';
import { nearestName } from './nearest.ts';
import { comparePaths } from './order.ts';

test.each([
  ['catalogue', ['catalog', 'cart'], 'catalog'],
  ['crat', ['cart', 'card'], 'cart'],
  ['payments', ['cart', 'catalog'], null],
  ['v2', [], null],
])('the nearest name to %s of %j is %s', (name, candidates, expected) => {
  expect(nearestName(name, candidates)).toBe(expected);
});

test('field paths are ordered as a reader counts', () => {
  const paths = ['spec.http[10]', 'spec.http[2].match[1]', 'spec.http[2]', 'spec.http[2].match[0]', ''];
  expect(paths.sort(comparePaths)).toEqual([
    '',
    'spec.http[2]',
    'spec.http[2].match[0]',
    'spec.http[2].match[1]',
    'spec.http[10]',
  ]);
});
