// MAGLEV (Eisenbud et al., NSDI 2016, section 3.4): a table of fixed prime size that endpoints fill in turn, each in the
// order of its own permutation; a request's slot is its hash modulo the size.
import { xxHash64 } from '../../lib/hash.ts';
import type { Endpoint } from './balancer.ts';
import type { Policy } from './policy.ts';

export function maglev(candidates: readonly Endpoint[], tableSize: number, random: () => number): Policy {
  const table = fillTable(candidates, tableSize);
  return (hash, attempt) => {
    const point = hash ?? Math.floor(random() * 2 ** 32);
    return table[((point ^ -attempt) >>> 0) % tableSize]!;
  };
}

function fillTable(endpoints: readonly Endpoint[], size: number): readonly Endpoint[] {
  const heaviest = endpoints.reduce((most, endpoint) => Math.max(most, endpoint.weight), 0);
  const turns = endpoints.map((endpoint) => ({ endpoint, due: 0, ...permutation(endpoint, size) }));
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
  return {
    at: Number(xxHash64(endpoint.name) % BigInt(size)),
    skip: Number((xxHash64(endpoint.name, 1n) % BigInt(size - 1)) + 1n),
  };
}
