// RING_HASH (ketama): each endpoint owns points on a circle in proportion to its weight; a request belongs to the next point.
import { xxHash64 } from '../../lib/hash.ts';
import type { Endpoint } from './balancer.ts';
import type { Policy } from './policy.ts';

/** Points in ascending order; `owners[i]` owns `points[i]`. Points are the upper 32 bits of Envoy's. */
type Ring = { readonly points: Uint32Array; readonly owners: readonly Endpoint[] };

export function ringHash(
  candidates: readonly Endpoint[],
  sizes: { readonly minimumRingSize: number; readonly maximumRingSize: number },
  random: () => number,
): Policy {
  const ring = buildRing(candidates, sizes.minimumRingSize, sizes.maximumRingSize);
  return (hash, attempt) => {
    const first = firstNotBelow(ring.points, hash ?? Math.floor(random() * 2 ** 32));
    return ring.owners[(first + attempt) % ring.owners.length]!;
  };
}

/** Every endpoint gets a whole number of points on average, so fractions carry over to the next endpoint, as in Envoy. */
function buildRing(endpoints: readonly Endpoint[], minimumSize: number, maximumSize: number): Ring {
  const total = endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0);
  const smallest = endpoints.reduce((least, endpoint) => Math.min(least, endpoint.weight), Infinity) / total;
  const scale = Math.min(Math.ceil(smallest * minimumSize) / smallest, maximumSize);
  const points: { readonly at: number; readonly owner: Endpoint }[] = [];
  let target = 0;
  for (const endpoint of endpoints) {
    target += (scale * endpoint.weight) / total;
    for (let i = 0; points.length < target; i++) {
      points.push({ at: Number(xxHash64(`${endpoint.name}_${i}`) >> 32n), owner: endpoint });
    }
  }
  points.sort((a, b) => a.at - b.at);
  return { points: Uint32Array.from(points, (point) => point.at), owners: points.map((point) => point.owner) };
}

/** Index of the first point at or after `wanted`; 0 past the end, for the circle is closed. */
function firstNotBelow(points: Uint32Array, wanted: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low === points.length ? 0 : low;
}
