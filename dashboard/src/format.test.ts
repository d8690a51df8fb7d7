import { expect, test } from 'vitest';
import type { Golden } from '../../src/api/types.ts';
import { appliedText, healthOf, millis, percent, rate } from './format.ts';

test.each([
  ['nothing', percent(null), '–'],
  ['all', percent(1), '100 %'],
  ['almost all is not all', percent(0.99999), '99.9 %'],
  ['no latency', millis(null), '–'],
  ['short', millis(1.23), '1.2 ms'],
  ['long', millis(75.4), '75 ms'],
  ['over a second', millis(1234), '1.23 s'],
  ['no requests', rate(0), '0/s'],
  ['few', rate(2.34), '2.3/s'],
  ['many', rate(1234.5), '1235/s'],
])('%s', (_name, text, expected) => {
  expect(text).toBe(expected);
});

const golden = (part: Partial<Golden>): Golden => ({
  ...{ rate: 1, success: 1, denied: 0, p50: null, p95: null, p99: null, encrypted: null },
  ...part,
});

test.each([
  ['good', {}],
  ['good', { success: 0.99 }],
  ['good', { denied: 1 }],
  ['failing', { success: 0.98 }],
  ['failing', { success: 0, denied: 1 }],
  ['denied', { success: null, denied: 1 }],
  ['idle', { rate: 0, success: null }],
])('%s: %j', (health, part) => {
  expect(healthOf(golden(part))).toBe(health);
});

test('applied says how long it took once it is known, and nothing of what shapes no proxy', () => {
  expect(appliedText({ applied: 7, total: 7, rejected: 0, millis: 45 })).toBe('applied 7/7, 45 ms');
  expect(appliedText({ applied: 0, total: 7, rejected: 0, millis: null })).toBe('applied 0/7');
  expect(appliedText({ applied: 0, total: 0, rejected: 0, millis: null })).toBe('');
});
