import { expect, test } from 'vitest';
import { remembered } from './remembered.ts';

test('what was worked out once is not worked out again, until there is too much of it', () => {
  const worked: string[] = [];
  const length = remembered((text) => {
    worked.push(text);
    return text.length;
  }, 2);
  expect(['a', 'bb', 'a', 'ccc', 'a'].map(length)).toEqual([1, 2, 1, 3, 1]);
  expect(worked).toEqual(['a', 'bb', 'ccc', 'a']);
});
