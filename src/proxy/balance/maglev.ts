// MAGLEV (Eisenbud et al., NSDI 2016, section 3.4): a table of fixed prime size that endpoints fill in turn, each in the
// order of its own permutation; a request's slot is its hash modulo the size.
import { remainder, xxHash64 } from '../../lib/hash.ts';
import type { Endpoint } from './balancer.ts';
import type { Policy } from './policy.ts';

export function maglev(candidates: readonly Endpoint[], tableSize: number): Policy {
  const table = fillTable(candidates, tableSize);
  return (hash, attempt) => {
    const turned = attempt === 0 ? hash : { high: ~hash.high >>> 0, low: (hash.low ^ -attempt) >>> 0 };
    return table[remainder(turned, tableSize)]!;
  };
}

function fillTable(endpoints: readonly Endpoint[], size: number): readonly Endpoint[] {
  const heaviest = endpoints.reduce((most, endpoint) => Math.max(most, endpoint.weight), 0);
  // In the order of their names, so that the order of the configuration does not matter.
  const sorted = [...endpoints].sort((a, b) => (a.name < b.name ? -1 : 1));
  const turns = sorted.map((endpoint) => ({ endpoint, due: 0, ...permutation(endpoint, size) }));
  const table: (Endpoint | undefined)[] = new Array<Endpoint | undefined>(size).fill(undefined);
  let filled = 0;
  // An endpoint takes part in a round when its weight, added up over the rounds, has earned it a slot.
  for (let round = 1; filled < size; round++) {
    for (const turn of turns) {
      if (filled === size) break;
      if (round * turn.endpoint.weight < turn.due) continue;
      turn.due += heaviest;
      while (table[turn.at] !== undefined) turn.at = (turn.at + turn.skip) % size;
      table[turn.at] = turn.endpoint;
      filled += 1;
    }
  }
  return table as Endpoint[];
}

function permutation(endpoint: Endpoint, size: number): { at: number; readonly skip: number } {
  return { at: remainder(xxHash64(endpoint.name), size), skip: remainder(xxHash64(endpoint.name, 1), size - 1) + 1 };
}
