import { expect, test } from 'vitest';
import { decimal } from './decimal.ts';

test.each([
  ['0', 0],
  ['200', 200],
  ['007', 7],
  ['999999999999999', 999_999_999_999_999],
  ['1000000000000000', -1],
  ['', -1],
  ['-1', -1],
  ['+1', -1],
  ['1e3', -1],
  [' 1', -1],
  ['1,1', -1],
  ['１', -1],
])('%j is %d', (text, value) => {
  expect(decimal(text)).toBe(value);
});
