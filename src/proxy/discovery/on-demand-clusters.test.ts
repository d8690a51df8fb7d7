import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { adsSource } from '../config/config-source.ts';
import { silentLog } from '../testing/harness.ts';
import { OnDemandClusters } from './on-demand-clusters.ts';

function start(open?: () => never) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const used = new Map<string, () => void>();
  const warned: string[] = [];
  const clusters = new OnDemandClusters({
    open:
      open ??
      (() => ({
        received: Promise.resolve(),
        first: Promise.resolve(),
        setNames: (names) => void asked.push([...names].join(' ')),
        close: () => undefined,
      })),
    whenUsed: (name) => new Promise((resolve) => used.set(name, resolve)),
    clock,
    log: silentLog(warned),
  });
  const told: string[] = [];
  const request = (name: string) =>
    clusters.request({ source: adsSource, name, timeout: 1_000 }, (outcome) => void told.push(`${name} ${outcome}`));
  return { clusters, clock, asked, used, told, request };
}

it('asks once, and tells everyone who waits when the cluster is in use', async () => {
  const t = start();
  t.request('a');
  t.request('a');
  t.request('b');
  expect(t.asked).toEqual(['a', 'a b']);
  t.used.get('a')!();
  await Promise.resolve();
  expect(t.told).toEqual(['a used', 'a used']);
  t.clock.advance(1_000);
  expect(t.told).toEqual(['a used', 'a used', 'b late']);
});

it('tells at once that there is none, and asks again for the next request', () => {
  const t = start();
  t.request('a');
  t.clusters.absent('a');
  expect([t.told, t.asked]).toEqual([['a absent'], ['a', '']]);
  t.request('a');
  expect(t.asked).toEqual(['a', '', 'a']);
});

it('keeps no request waiting where nobody can be asked', () => {
  const t = start(() => {
    throw new Error('ads: the bootstrap has no ads_config');
  });
  t.request('a');
  expect(t.told).toEqual(['a absent']);
});
