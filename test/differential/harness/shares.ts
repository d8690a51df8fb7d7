// How requests spread over the upstreams. Where chance decides, so many are asked that it cannot take a share further off than a test allows.
import { expect } from 'vitest';
import { RawConnection } from '../../support/raw-http.ts';
import { get } from './case.ts';
import type { Stand } from './stand.ts';

/** In percent, by the name of the upstream; `none` is an answer of the proxy itself. */
export type Shares = Readonly<Record<string, number>>;

/** Standard deviations of a share: chance goes beyond once in five hundred million times. */
const SIGMAS = 6;
/** What is allowed where there is no chance, only places in turn, is less than this. */
const CHANCE = 5;
const IN_TURN = 300;
/** Sent at once; a proxy takes the requests of a connection one after the other. Envoy ends one that many answers of its own wait for. */
const BATCH = 100;

/** `tolerance`: how far off a share may be, in percent of all requests. */
export async function expectShares(stand: Stand, path: string, shares: Shares, tolerance: number): Promise<void> {
  for (const upstream of stand.upstreams) upstream.script();
  const requests = requestsFor(shares, tolerance);
  const counts = await countAnswers(stand, path, requests, { batch: 'none' in shares ? 1 : BATCH });
  const found = Object.fromEntries([...counts].map(([name, count]) => [name, (count * 100) / requests]));
  expect(Object.keys(found).sort()).toEqual(
    Object.keys(shares)
      .filter((name) => shares[name] !== 0)
      .sort(),
  );
  for (const [name, share] of Object.entries(shares)) {
    expect(Math.abs((found[name] ?? 0) - share), `${name} of ${JSON.stringify(found)}`).toBeLessThanOrEqual(tolerance);
  }
}

/** By the name of the upstream that answered, which is the body. */
export async function countAnswers(
  stand: Stand,
  path: string,
  requests: number,
  { listener = 'front', batch = BATCH }: { listener?: string; batch?: number } = {},
): Promise<ReadonlyMap<string, number>> {
  using connection = await RawConnection.open(stand.portOf(listener));
  const counts = new Map<string, number>();
  for (let left = requests; left > 0; left -= batch) {
    const size = Math.min(left, batch);
    connection.send(get(path).repeat(size));
    for (let i = 0; i < size; i += 1) {
      const { status, body } = await connection.response();
      const name = status === 200 ? body : 'none';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

function requestsFor(shares: Shares, tolerance: number): number {
  if (tolerance < CHANCE) return IN_TURN;
  const variance = Math.max(...Object.values(shares).map((share) => share * (100 - share)));
  return Math.max(IN_TURN, Math.ceil((SIGMAS ** 2 * variance) / tolerance ** 2));
}
