import { expect, it } from 'vitest';
import type { SpiffeId } from '../model/units.ts';
import { JoinTokens } from './tokens.ts';

const binding = { identity: 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId, instance: 'web-1.shop' };

it('gives the binding for the token, any number of times', () => {
  const tokens = new JoinTokens();
  const token = tokens.issue(binding);
  expect([tokens.redeem(token), tokens.redeem(token)]).toEqual([binding, binding]);
});

it.each([
  ['nothing', () => ''],
  ['no dot', () => 'abc'],
  ['an unknown id', (token: string) => `x${token}`],
  ['another secret', (token: string) => `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`],
  ['something endless', (token: string) => token + 'x'.repeat(10_000)],
])('refuses %s', (_, change) => {
  const tokens = new JoinTokens();
  expect(tokens.redeem(change(tokens.issue(binding)))).toBeNull();
});

it('forgets a token that was revoked or replaced', () => {
  const tokens = new JoinTokens();
  const first = tokens.issue(binding);
  const second = tokens.issue(binding);
  expect([tokens.redeem(first), tokens.redeem(second)]).toEqual([null, binding]);
  tokens.revoke(binding.instance);
  expect(tokens.redeem(second)).toBeNull();
});
