// RING_HASH (ketama): each endpoint owns points on a circle in proportion to its weight; a request belongs to the next point.
import { compareHashes, type Hash64, xxHash64 } from '../../lib/hash.ts';
import type { Endpoint } from './balancer.ts';
import type { Policy } from './policy.ts';

/** Points in ascending order; `owners[i]` owns the point `highs[i] * 2^32 + lows[i]`. */
type Ring = { readonly highs: Uint32Array; readonly lows: Uint32Array; readonly owners: readonly Endpoint[] };

export function ringHash(
  candidates: readonly Endpoint[],
  sizes: { readonly minimumRingSize: number; readonly maximumRingSize: number },
): Policy {
  const ring = buildRing(candidates, sizes.minimumRingSize, sizes.maximumRingSize);
  return (hash, attempt) => {
    const first = firstNotBelow(ring, hash);
    return ring.owners[(first + attempt) % ring.owners.length]!;
  };
}

/** Every endpoint gets a whole number of points on average, so fractions carry over to the next endpoint, as in Envoy. */
function buildRing(endpoints: readonly Endpoint[], minimumSize: number, maximumSize: number): Ring {
  const total = endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0);
  const smallest = endpoints.reduce((least, endpoint) => Math.min(least, endpoint.weight), Infinity) / total;
  const scale = Math.min(Math.ceil(smallest * minimumSize) / smallest, maximumSize);
  const points: { readonly at: Hash64; readonly owner: Endpoint }[] = [];
  let target = 0;
  for (const endpoint of endpoints) {
    target += (scale * endpoint.weight) / total;
    for (let i = 0; points.length < target; i++) {
      points.push({ at: xxHash64(`${endpoint.name}_${i}`), owner: endpoint });
    }
  }
  points.sort((a, b) => compareHashes(a.at, b.at));
  return {
    highs: Uint32Array.from(points, ({ at }) => at.high),
    lows: Uint32Array.from(points, ({ at }) => at.low),
    owners: points.map(({ owner }) => owner),
  };
}

/** Index of the first point at or after `wanted`; 0 past the end, for the circle is closed. */
function firstNotBelow({ highs, lows }: Ring, wanted: Hash64): number {
  let low = 0;
  let high = highs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const above = highs[middle]! - wanted.high || lows[middle]! - wanted.low;
    if (above < 0) low = middle + 1;
    else high = middle;
  }
  return low === highs.length ? 0 : low;
}
