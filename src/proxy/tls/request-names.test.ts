import { expect, test } from 'vitest';
import { ANYBODY } from '../cluster/connector.ts';
import { testExchange } from '../testing/exchange.ts';
import { purposeWith } from './request-names.ts';

const names = { header: '', asked: true, verified: true };
const offering = (alpn: readonly string[] | null) => Object.assign(testExchange(), { upstreamAlpn: alpn });

test('connections for anybody are those for whom nothing is asked', () => {
  expect(purposeWith(null, null)(offering(null))).toBe(ANYBODY);
  expect(purposeWith(names, null)(offering(null)).alpn).toEqual([]);
});

test('who wants other protocols has connections of their own', () => {
  const [one, other] = [['a'], ['b', 'c']];
  const purposeOf = purposeWith(null, null);
  expect(purposeOf(offering(one))).toBe(purposeOf(offering(one)));
  expect(purposeOf(offering(one)).alpn).toEqual(['a']);
  const keys = [one, other, null].map((alpn) => purposeWith(names, null)(offering(alpn)).key);
  expect(new Set(keys).size).toBe(3);
});
