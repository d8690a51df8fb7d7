// RING_HASH (ketama): each endpoint owns points on a circle in proportion to its weight; a request belongs to the next point.
import { compareHashes, type Hash64, murmurHash2, xxHash64 } from '../../lib/hash.ts';
import type { PolicyConfig } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';
import type { HashTable } from './hash-balancer.ts';
import { keyOf, type Share } from './weights.ts';

type Config = Extract<PolicyConfig, { kind: 'ring-hash' }>;

/** Points in ascending order; `owners[i]` owns the point `highs[i] * 2^32 + lows[i]`. */
type Ring = { readonly highs: Uint32Array; readonly lows: Uint32Array; readonly owners: readonly Endpoint[] };

export function ringHash(shares: readonly Share[], config: Config): HashTable {
  const ring = buildRing(shares, config);
  return (hash, attempt) => ring.owners[(firstNotBelow(ring, hash) + attempt) % ring.owners.length]!;
}

/** Every endpoint gets a whole number of points on average, so fractions carry over to the next endpoint, as in Envoy. */
function buildRing(shares: readonly Share[], { minimumRingSize, maximumRingSize, hash, key }: Config): Ring {
  const hashOf = hash === 'murmur2' ? murmurHash2 : xxHash64;
  const smallest = shares.reduce((least, { weight }) => Math.min(least, weight), 1);
  const scale = Math.min(Math.ceil(smallest * minimumRingSize) / smallest, maximumRingSize);
  const points: { readonly at: Hash64; readonly owner: Endpoint }[] = [];
  let target = 0;
  for (const { endpoint, weight } of shares) {
    target += scale * weight;
    const name = keyOf(endpoint, key);
    for (let i = 0; points.length < target; i++) points.push({ at: hashOf(`${name}_${i}`), owner: endpoint });
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
