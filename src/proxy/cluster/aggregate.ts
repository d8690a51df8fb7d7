// The balancer of an aggregate cluster: the priorities of other clusters one after the other. It chooses a priority by what all of them can
// take; the cluster that it belongs to chooses the endpoint, which stays within that cluster's limits and statistics.
import type { Balancer, Endpoint, PickContext, Reshare } from '../balance/balancer.ts';
import { type Availability, type Level, levelsOf } from '../balance/level.ts';
import { type LevelChoice, Levels } from '../balance/levels.ts';
import type { Cluster } from './cluster.ts';

export type AggregateContext = {
  readonly cluster: (name: string) => Cluster | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly panicThreshold: number;
};

type Member = { readonly cluster: Cluster; readonly version: number };
/** One priority of a member; `only` has it get every request. */
type Part = {
  readonly cluster: Cluster;
  readonly level: Level;
  readonly only: Readonly<Record<Availability, Reshare>>;
};

export class Aggregate implements Balancer {
  readonly #names: readonly string[];
  readonly #context: AggregateContext;
  #members: readonly (Member | null)[] = [];
  #parts: ReadonlyMap<Level, Part> = new Map();
  /** null: no member has an endpoint. */
  #levels: Levels | null = null;

  constructor(names: readonly string[], context: AggregateContext) {
    this.#names = names;
    this.#context = context;
  }

  pick(wanted: PickContext): Endpoint | null {
    if (!this.#isCurrent()) this.#join();
    if (this.#levels === null) return null;
    const { level, availability }: LevelChoice = this.#levels.choose(this.#context.random() * 100, wanted.reshare);
    const { cluster, only } = this.#parts.get(level)!;
    return cluster.choose({ ...wanted, reshare: only[availability] });
  }

  invalidate(): void {
    // It has no endpoints of its own; members are looked at with every pick.
  }

  /** Members come and go, and so do their endpoints, without a word to the aggregate. */
  #isCurrent(): boolean {
    if (this.#members.length === 0) return false;
    for (let i = 0; i < this.#names.length; i++) {
      const member = this.#members[i];
      const cluster = this.#context.cluster(this.#names[i]!);
      if (cluster !== member?.cluster || cluster?.version !== member?.version) return false;
    }
    return true;
  }

  #join(): void {
    const clusters = this.#names.map((name) => this.#context.cluster(name));
    this.#members = clusters.map((cluster) => (cluster ? { cluster, version: cluster.version } : null));
    const parts = clusters.flatMap((cluster) => (cluster === undefined ? [] : partsOf(cluster)));
    this.#parts = new Map(parts.map((part) => [part.level, part]));
    const levels = parts.map(({ level }) => level);
    this.#levels = levels.length === 0 ? null : new Levels(levels, this.#context.panicThreshold);
  }
}

/** Priorities without endpoints are no part of the whole. */
function partsOf(cluster: Cluster): Part[] {
  return levelsOf(cluster.hosts, cluster.factors)
    .map((level, priority) => ({ cluster, level, only: onlyTo(priority) }))
    .filter(({ level }) => level.all.length > 0);
}

function onlyTo(priority: number): Part['only'] {
  const whole = Array.from({ length: priority + 1 }, (_, i) => (i === priority ? 100 : 0));
  const healthy = { healthy: whole, degraded: [] };
  const degraded = { healthy: [], degraded: whole };
  return { healthy: () => healthy, degraded: () => degraded };
}
