// Balancers that give the same hash the same endpoint: a priority by the hash, then the priority's ring or table.
import { type Hash64, remainder } from '../../lib/hash.ts';
import type { PolicyConfig } from '../config/cluster-types.ts';
import type { Balancer, BalancerContext, Endpoint, PickContext } from './balancer.ts';
import { boundedLoad } from './bounded-load.ts';
import { type Factors, type Level, levelsOf } from './level.ts';
import { Levels } from './levels.ts';
import { maglev } from './maglev.ts';
import { ringHash } from './ring-hash.ts';
import { isUnwanted } from './wanted.ts';
import { type Share, sharesOf } from './weights.ts';

/** `attempt` counts from 0: the same hash gives another endpoint when the first is not wanted. */
export type HashTable = (hash: Hash64, attempt: number) => Endpoint;

export type HashBalancerConfig = {
  readonly policy: Extract<PolicyConfig, { kind: 'ring-hash' | 'maglev' }>;
  readonly weighted: boolean;
  readonly panicThreshold: number;
};

export class HashBalancer implements Balancer {
  readonly #config: HashBalancerConfig;
  readonly #context: BalancerContext;
  readonly #levels: Levels;
  /** null: nobody to choose. */
  #tables = new Map<Level, HashTable | null>();

  constructor(config: HashBalancerConfig, factors: Factors, endpoints: readonly Endpoint[], context: BalancerContext) {
    this.#config = config;
    this.#context = context;
    this.#levels = new Levels(levelsOf(endpoints, factors), config.panicThreshold);
  }

  invalidate(): void {
    this.#levels.invalidate();
  }

  pick(wanted: PickContext): Endpoint | null {
    if (this.#levels.refresh()) this.#tables = new Map();
    const hash = wanted.hash ?? anyHash(this.#context.random);
    const { level } = this.#levels.choose(remainder(hash, 100), null);
    if (level.panic) this.#context.stats.lb_healthy_panic += 1;
    const table = this.#tableOf(level);
    if (table === null) return null;
    let picked = table(hash, 0);
    for (let attempt = 1; attempt <= wanted.reselect && isUnwanted(picked, wanted); attempt++) {
      picked = table(hash, attempt);
    }
    return picked;
  }

  #tableOf(level: Level): HashTable | null {
    let table = this.#tables.get(level);
    if (table === undefined) {
      table = this.#makeTable(this.#shares(level));
      this.#tables.set(level, table);
    }
    return table;
  }

  #makeTable(shares: readonly Share[]): HashTable | null {
    if (shares.length === 0) return null;
    const { policy } = this.#config;
    const table = policy.kind === 'maglev' ? maglev(shares, policy) : ringHash(shares, policy);
    return policy.balanceFactor === 0 ? table : boundedLoad(table, shares, policy.balanceFactor, this.#context.active);
  }

  /** Weights of localities are taken as they are: health changes who is in, not how much a locality gets. */
  #shares(level: Level): readonly Share[] {
    if (!this.#config.weighted) return sharesOf(level.panic ? level.all : level.healthy);
    const total = level.localities.reduce((sum, { weight }) => sum + weight, 0);
    return level.localities.flatMap(({ weight, all, healthy }) =>
      weight === 0 ? [] : sharesOf(level.panic ? all : healthy, weight / total),
    );
  }
}

function anyHash(random: () => number): Hash64 {
  return { high: Math.floor(random() * 2 ** 32), low: Math.floor(random() * 2 ** 32) };
}
