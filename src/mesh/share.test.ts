import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shareUnchanged } from './share.ts';
import '../../test/support/same-cases.ts';

test('equal values become the old object, others stay as they are', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(shareUnchanged(a, b)).toEqual(b);
      expect(shareUnchanged(a, structuredClone(a))).toBe(a);
    }),
  );
});

test('what did not change beside a change is shared, also when it moved', () => {
  const before = {
    list: [
      { name: 'a', value: [1] },
      { name: 'b', value: [2] },
    ],
    other: { deep: true },
  };
  const after = shareUnchanged(before, {
    list: [
      { name: 'b', value: [2] },
      { name: 'a', value: [9] },
    ],
    other: { deep: true },
  });
  expect(after.list[0]).toBe(before.list[1]);
  expect(after.list[1]).toEqual({ name: 'a', value: [9] });
  expect(after.other).toBe(before.other);
});

test('a key that is gone is a change', () => {
  const before: Record<string, number> = { a: 1, b: 2 };
  expect(shareUnchanged(before, { a: 1 })).toEqual({ a: 1 });
});
