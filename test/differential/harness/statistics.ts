// Counters and gauges of two proxies after the same requests: every name that a pattern chooses, not only those that were thought of.
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { waitFor } from '../../support/wait-for.ts';
import type { Pair } from './compare.ts';
import type { Stand } from './stand.ts';

/** Adds a test, to stand after the requests: what counted anything has counted the same. Streams end a moment after the client has seen its answer. */
export function compareStatistics(pair: () => Pair, names: RegExp): void {
  test(`counted alike: ${names.source}`, async () => {
    const [theirs, mine] = await figuresOfBoth(pair(), async (stand) =>
      Object.fromEntries([...(await figures(stand))].filter(([name, value]) => value > 0 && names.test(name)).sort()),
    );
    expect(Object.keys(theirs), 'Envoy').not.toEqual([]);
    expect(mine).toEqual(theirs);
  });
}

/** What two proxies have counted, once it agrees, or still does not after seconds: figures move a little later than clients hear. */
export async function figuresOfBoth<Figures>(
  { reference, ours }: Pair,
  read: (stand: Stand) => Promise<Figures>,
  agree: (theirs: Figures, mine: Figures) => boolean = isDeepStrictEqual,
): Promise<readonly [theirs: Figures, mine: Figures]> {
  let seen = await Promise.all([read(reference), read(ours)]);
  const settled = async () => {
    if (agree(seen[0], seen[1])) return true;
    seen = await Promise.all([read(reference), read(ours)]);
    return false;
  };
  await waitFor('figures that agree', settled, { deadline: 8_000, every: 50 }).catch(() => undefined);
  return seen;
}

/** By Envoy's names, as the admin interface shows them. */
export async function figures(stand: Stand): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats`);
  const text = stand.withoutPorts(await response.text());
  return new Map([...text.matchAll(/^(\S+): (\d+)$/gm)].map(([, name, value]) => [name!, Number(value)]));
}
