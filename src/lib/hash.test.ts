import { expect, test } from 'vitest';
import { xxHash64 } from './hash.ts';

// Vectors of the reference implementation: empty, tail of each length class, whole stripes.
test.each<[string, bigint, string]>([
  ['', 0n, 'ef46db3751d8e999'],
  ['a', 0n, 'd24ec4f1a98c6e5b'],
  ['abc', 0n, '44bc2cf5ad770999'],
  ['foo', 0n, '33bf00a859c4ba3f'],
  ['abcdefghijklmnopqrstuvwxyz', 0n, 'cfe1f278fa89835c'],
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', 0n, 'aaa46907d3047814'],
  ['12345678901234567890123456789012345678901234567890123456789012345678901234567890', 0n, 'e04a477f19ee145d'],
])('xxHash64(%j, %d)', (text, seed, wants) => {
  expect(xxHash64(text, seed).toString(16).padStart(16, '0')).toBe(wants);
});

test('a seed gives another hash', () => {
  expect(xxHash64('abc', 1n)).not.toBe(xxHash64('abc'));
});
