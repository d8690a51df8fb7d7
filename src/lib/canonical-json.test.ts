import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

test.each<[value: unknown, wants: string]>([
  [{ b: 1, a: [true, null, { d: 'x', c: 2.5 }] }, '{"a":[true,null,{"c":2.5,"d":"x"}],"b":1}'],
  ['1', '"1"'],
  [1, '1'],
  [undefined, 'null'],
  [{}, '{}'],
])('%j', (value, wants) => {
  expect(canonicalJson(value)).toBe(wants);
});
