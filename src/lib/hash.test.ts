import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { combineHashes, compareHashes, hexOf, murmurHash2, remainder, xxHash64 } from './hash.ts';
import '../../test/support/same-cases.ts';

const big = ({ high, low }: { high: number; low: number }) => (BigInt(high) << 32n) | BigInt(low);
const half = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyHash = fc.record({ high: half, low: half });

// Vectors of the reference implementation: empty, tail of each length class, whole stripes.
test.each<[string, string]>([
  ['', 'ef46db3751d8e999'],
  ['a', 'd24ec4f1a98c6e5b'],
  ['abc', '44bc2cf5ad770999'],
  ['foo', '33bf00a859c4ba3f'],
  ['abcdefghijklmnopqrstuvwxyz', 'cfe1f278fa89835c'],
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', 'aaa46907d3047814'],
  ['12345678901234567890123456789012345678901234567890123456789012345678901234567890', 'e04a477f19ee145d'],
])('xxHash64(%j)', (text, wants) => {
  expect(hexOf(xxHash64(text))).toBe(wants);
});

test('a seed gives another hash', () => {
  expect(xxHash64('abc', 1)).not.toEqual(xxHash64('abc'));
});

/** MurmurHash64A with exact integers. */
function murmurOfBigints(text: string): bigint {
  const u64 = (value: bigint) => BigInt.asUintN(64, value);
  const mix = (value: bigint) => value ^ (value >> 47n);
  const m = 0xc6a4a7935bd1e995n;
  const bytes = Buffer.from(text, 'latin1');
  const load = (from: number, to: number) =>
    bytes.subarray(from, to).reduce((sum, byte, i) => sum | (BigInt(byte) << BigInt(8 * i)), 0n);
  const whole = bytes.length & ~7;
  let hash = 0xc70f6907n ^ u64(BigInt(bytes.length) * m);
  for (let at = 0; at < whole; at += 8) hash = u64((hash ^ u64(mix(u64(load(at, at + 8) * m)) * m)) * m);
  if (whole < bytes.length) hash = u64((hash ^ load(whole, bytes.length)) * m);
  return mix(u64(mix(hash) * m));
}

describe('exact arithmetic', () => {
  test('murmurHash2', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const latin1 = Buffer.from(text, 'utf8').toString('latin1');
        expect(big(murmurHash2(latin1))).toBe(murmurOfBigints(latin1));
      }),
    );
  });

  test('remainders, order and combination', () => {
    fc.assert(
      fc.property(anyHash, anyHash, fc.integer({ min: 1, max: 5_000_011 }), (a, b, modulus) => {
        expect(BigInt(remainder(a, modulus))).toBe(big(a) % BigInt(modulus));
        expect(Math.sign(compareHashes(a, b))).toBe(Number(big(a) > big(b)) - Number(big(a) < big(b)));
        const rotated = BigInt.asUintN(64, (big(a) << 1n) | (big(a) >> 63n));
        expect(big(combineHashes(a, b))).toBe(rotated ^ big(b));
        expect(hexOf(a)).toBe(big(a).toString(16));
      }),
    );
  });
});
