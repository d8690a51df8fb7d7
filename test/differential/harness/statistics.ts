// Counters and gauges of two proxies after the same requests: every name that a pattern chooses, not only those that were thought of.
import { expect, test } from 'vitest';
import { waitFor } from '../../support/wait-for.ts';
import type { Pair } from './compare.ts';
import type { Stand } from './stand.ts';

/** Adds a test, to stand after the requests: what counted anything has counted the same. Streams end a moment after the client has seen its answer. */
export function compareStatistics(pair: () => Pair, names: RegExp): void {
  test(`counted alike: ${names.source}`, async () => {
    const { reference, ours } = pair();
    const counted = async (stand: Stand) =>
      Object.fromEntries([...(await figures(stand))].filter(([name, value]) => value > 0 && names.test(name)).sort());
    const shown: { theirs?: object; mine?: object } = {};
    const alike = async () => {
      [shown.theirs, shown.mine] = await Promise.all([counted(reference), counted(ours)]);
      return JSON.stringify(shown.mine) === JSON.stringify(shown.theirs);
    };
    await waitFor('the same figures', alike, { deadline: 8_000, every: 50 }).catch(() => undefined);
    expect(Object.keys(shown.theirs ?? {}), 'Envoy').not.toEqual([]);
    expect(shown.mine).toEqual(shown.theirs);
  });
}

/** By Envoy's names, as the admin interface shows them. */
export async function figures(stand: Stand): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats`);
  const text = stand.withoutPorts(await response.text());
  return new Map([...text.matchAll(/^(\S+): (\d+)$/gm)].map(([, name, value]) => [name!, Number(value)]));
}
