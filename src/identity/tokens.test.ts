import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SpiffeId } from '../model/units.ts';
import { JoinTokens } from './tokens.ts';

const binding = { identity: 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId, instance: 'web-1.shop' };
let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-tokens-'));
  file = join(folder, 'state', 'join-tokens.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('gives the binding for the token, any number of times', async () => {
  const tokens = await JoinTokens.open(file);
  const token = await tokens.issue(binding);
  expect([tokens.redeem(token), tokens.redeem(token)]).toEqual([binding, binding]);
});

it.each([
  ['nothing', () => ''],
  ['no dot', () => 'abc'],
  ['an unknown id', (token: string) => `x${token}`],
  ['another secret', (token: string) => `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`],
  ['something endless', (token: string) => token + 'x'.repeat(10_000)],
])('refuses %s', async (_, change) => {
  const tokens = await JoinTokens.open(file);
  expect(tokens.redeem(change(await tokens.issue(binding)))).toBeNull();
});

it('forgets a token that was revoked or replaced', async () => {
  const tokens = await JoinTokens.open(file);
  const first = await tokens.issue(binding);
  const second = await tokens.issue(binding);
  expect([tokens.redeem(first), tokens.redeem(second)]).toEqual([null, binding]);
  await tokens.retain(new Set([binding.instance]));
  expect(tokens.redeem(second)).toEqual(binding);
  await tokens.retain(new Set(['cart-0.shop']));
  expect(tokens.redeem(second)).toBeNull();
  expect((await JoinTokens.open(file)).redeem(second)).toBeNull();
});

it('knows every token after a restart, also of those issued at the same time', async () => {
  const tokens = await JoinTokens.open(file);
  const bindings = Array.from({ length: 20 }, (_, index) => ({ ...binding, instance: `web-${index}.shop` }));
  const issued = await Promise.all(bindings.map((each) => tokens.issue(each)));
  const after = await JoinTokens.open(file);
  expect(issued.map((token) => after.redeem(token))).toEqual(bindings);
});

it('keeps no secret, in a file that only its owner can read', async () => {
  const token = await (await JoinTokens.open(file)).issue(binding);
  expect(readFileSync(file, 'utf8')).not.toContain(token.slice(token.indexOf('.') + 1));
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it.each([
  ['no JSON', '{'],
  ['something else', '{"tokens": [{"id": "a", "hash": "short", "identity": "x", "instance": "y"}]}'],
])('says so when the file holds %s', async (_, text) => {
  await JoinTokens.open(file);
  writeFileSync(file, text);
  await expect(JoinTokens.open(file)).rejects.toThrow('holds no join tokens (hint: remove it');
});
