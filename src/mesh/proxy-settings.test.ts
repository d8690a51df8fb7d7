import { expect, test } from 'vitest';
import { builtIn } from '../model/origin.ts';
import type { ProxySettings } from '../model/proxy-settings.ts';
import { concurrencyOf } from './proxy-settings.ts';

const settings = (concurrency: number, change: Partial<ProxySettings> = {}): ProxySettings => ({
  namespace: null,
  selector: null,
  concurrency,
  created: '',
  origin: builtIn('transport'),
  ...change,
});
const labelled = (app: string) => ({ selector: { labels: { app }, expressions: [] } });
const mesh = settings(2);
const shop = settings(3, { namespace: 'shop' });
const cart = settings(4, { namespace: 'shop', ...labelled('cart') });

test.each<[string, readonly ProxySettings[], number | null, number | null]>([
  ['nobody says', [], null, null],
  ['its own', [], 5, 5],
  ['the mesh before its own', [mesh], 5, 2],
  ['the namespace before the mesh', [mesh, shop], null, 3],
  ['the selector before both', [mesh, shop, cart], null, 4],
  ['another namespace', [settings(7, { namespace: 'other' })], null, null],
  ['another workload', [settings(7, { namespace: 'shop', ...labelled('pay') })], null, null],
  ['one per core is something said', [settings(0)], 5, 0],
  ['the older of two', [settings(8, { created: '2026-02-01' }), settings(9, { created: '2026-01-01' })], null, 9],
])('%s', (_name, all, concurrency, wants) => {
  const owner = { namespace: 'shop', labels: { app: 'cart' }, concurrency };
  expect(concurrencyOf(all, owner)).toBe(wants);
  expect(concurrencyOf(all.toReversed(), owner)).toBe(wants);
});
