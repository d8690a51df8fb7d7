// MAGLEV (Eisenbud et al., NSDI 2016, section 3.4): a table of fixed prime size that endpoints fill in turn, each in the
// order of its own permutation; a request's slot is its hash modulo the size.
import { remainder, xxHash64 } from '../../lib/hash.ts';
import type { PolicyConfig } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';
import type { HashTable } from './hash-balancer.ts';
import { keyOf, type Share } from './weights.ts';

type Config = Extract<PolicyConfig, { kind: 'maglev' }>;

export function maglev(shares: readonly Share[], config: Config): HashTable {
  const { tableSize } = config;
  const { owners, table } = fillTable(shares, config);
  return (hash, attempt) => {
    // A later attempt looks far away, at `hash ^ -attempt`.
    const turned = attempt === 0 ? hash : { high: ~hash.high >>> 0, low: (hash.low ^ -attempt) >>> 0 };
    return owners[table[remainder(turned, tableSize)]!]!;
  };
}

function fillTable(shares: readonly Share[], { tableSize, key }: Config) {
  const heaviest = shares.reduce((most, { weight }) => Math.max(most, weight), 0);
  // In the order of their keys, so that the order of the configuration does not matter.
  const turns = shares
    .map(({ endpoint, weight }) => ({ endpoint, weight, due: 0, ...permutation(keyOf(endpoint, key), tableSize) }))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const table = new Int32Array(tableSize).fill(-1);
  let filled = 0;
  // An endpoint takes part in a round when its weight, added up over the rounds, has earned it a slot.
  for (let round = 1; filled < tableSize; round++) {
    for (let i = 0; i < turns.length && filled < tableSize; i++) {
      const turn = turns[i]!;
      if (round * turn.weight < turn.due) continue;
      turn.due += heaviest;
      while (table[turn.at] !== -1) turn.at = (turn.at + turn.skip) % tableSize;
      table[turn.at] = i;
      filled += 1;
    }
  }
  return { owners: turns.map(({ endpoint }): Endpoint => endpoint), table };
}

function permutation(name: string, size: number): { readonly name: string; at: number; readonly skip: number } {
  return { name, at: remainder(xxHash64(name), size), skip: remainder(xxHash64(name, 1), size - 1) + 1 };
}
