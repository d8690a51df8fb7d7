// Consistent hashing with bounded loads (Mirrokni et al., arXiv 1608.01350): who is too busy passes the request on to another one,
// which the request's hash chooses (random jumps, arXiv 1908.08762). O(n) while endpoints are overloaded.
import type { Hash64 } from '../../lib/hash.ts';
import { MersenneTwister } from '../../lib/mersenne-twister.ts';
import type { Endpoint } from './balancer.ts';
import type { HashTable } from './hash-balancer.ts';
import type { Share } from './weights.ts';

/** `factor`: percent of an even share that an endpoint may have. `active`: requests to the whole cluster. */
export function boundedLoad(
  table: HashTable,
  shares: readonly Share[],
  factor: number,
  active: () => number,
): HashTable {
  const weights = new Map(shares.map(({ endpoint, weight }) => [endpoint, weight]));
  const loadOf = (endpoint: Endpoint, weight: number): number => {
    const places = Math.floor(((active() + 1) * factor + 99) / 100);
    return endpoint.activeRequests / Math.max(Math.ceil(places * weight), 1);
  };
  return (hash, attempt) => {
    const first = table(hash, attempt);
    const load = loadOf(first, weights.get(first) ?? 0);
    return load <= 1 ? first : jump(shares, hash, { endpoint: first, load }, loadOf);
  };
}

/** The first with room in an order that the hash decides; the least loaded when there is none. */
function jump(
  shares: readonly Share[],
  hash: Hash64,
  from: { readonly endpoint: Endpoint; readonly load: number },
  loadOf: (endpoint: Endpoint, weight: number) => number,
): Endpoint {
  const random = new MersenneTwister(hash.low);
  const order = shares.map((_, i) => i);
  let least = from;
  for (let i = 0; i < order.length; i++) {
    const j = i + below(random, order.length - i);
    [order[i], order[j]] = [order[j]!, order[i]!];
    const { endpoint, weight } = shares[order[i]!]!;
    if (endpoint === from.endpoint) continue;
    const load = loadOf(endpoint, weight);
    if (load <= 1) return endpoint;
    if (load < least.load) least = { endpoint, load };
  }
  return least.endpoint;
}

function below(random: MersenneTwister, limit: number): number {
  const bucket = Math.floor(2 ** 32 / limit);
  for (;;) {
    const value = Math.floor(random.next() / bucket);
    if (value < limit) return value;
  }
}
