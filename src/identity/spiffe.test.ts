import { expect, it } from 'vitest';
import { formatSpiffe, parseSpiffe } from './spiffe.ts';

it('reads a workload identity and writes it back', () => {
  const text = 'spiffe://cluster.local/ns/shop/sa/frontend';
  const identity = parseSpiffe(text);
  expect(identity).toEqual({ trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'frontend' });
  expect(identity && formatSpiffe(identity)).toBe(text);
});

it.each([
  ['another scheme', 'https://cluster.local/ns/a/sa/b'],
  ['no service account', 'spiffe://cluster.local/ns/a'],
  ['more path', 'spiffe://cluster.local/ns/a/sa/b/c'],
  ['a port', 'spiffe://cluster.local:8443/ns/a/sa/b'],
  ['a query', 'spiffe://cluster.local/ns/a/sa/b?x'],
  ['upper case', 'spiffe://cluster.local/ns/A/sa/b'],
  ['an empty namespace', 'spiffe://cluster.local/ns//sa/b'],
  ['a new line', 'spiffe://cluster.local/ns/a/sa/b\n'],
])('refuses %s', (_, text) => {
  expect(parseSpiffe(text)).toBeNull();
});
