// The endpoints of one priority, sorted by fitness and locality. Lists keep their identity while they stay the same, because
// schedules and tables belong to them.
import type { Assignment } from '../config/cluster-types.ts';
import { localityFields } from '../config/locality.ts';
import type { Endpoint } from './balancer.ts';
import { fitnessOf, isExcluded } from './health.ts';

/** Envoy orders localities by region, zone and sub-zone, the proxy's own first. */
export type Locality = {
  readonly name: string;
  readonly weight: number;
  readonly all: readonly Endpoint[];
  healthy: readonly Endpoint[];
  degraded: readonly Endpoint[];
  excluded: number;
};

/** Which endpoints a request may go to. */
export type Availability = 'healthy' | 'degraded';

/** What holds for all endpoints of an assignment. */
export type Factors = Pick<Assignment, 'overprovisioning' | 'weightedHealth' | 'localityWeights'>;

export class Level {
  readonly all: readonly Endpoint[];
  readonly factors: Factors;
  readonly localities: readonly Locality[];
  healthy: readonly Endpoint[] = [];
  degraded: readonly Endpoint[] = [];
  excluded = 0;
  /** Too few are fit: all are chosen from. */
  panic = false;

  constructor(all: readonly Endpoint[], priority: number, factors: Factors) {
    this.all = all;
    this.factors = factors;
    const here = factors.localityWeights.filter((one) => one.priority === priority);
    const weights = new Map(here.map(({ locality, weight }) => [locality, weight]));
    const names = [...new Set(all.map(({ locality }) => locality))].sort(byLocality);
    this.localities = names.map((name) => ({
      name,
      weight: weights.get(name) ?? 0,
      all: names.length === 1 ? all : all.filter(({ locality }) => locality === name),
      healthy: [],
      degraded: [],
      excluded: 0,
    }));
    this.refresh();
  }

  /** Percent of traffic that so many of its endpoints could take. */
  capacity(fit: readonly Endpoint[]): number {
    const { overprovisioning, weightedHealth } = this.factors;
    if (this.all.length === this.excluded) return 0;
    const counted = weightedHealth ? this.all.filter(({ health }) => !isExcluded(health)) : this.all;
    const whole = weightedHealth ? weightOf(counted) : this.all.length - this.excluded;
    const part = weightedHealth ? weightOf(fit) : fit.length;
    return Math.min(100, Math.floor((overprovisioning * part) / whole));
  }

  refresh(): void {
    this.#sort(this);
    for (const locality of this.localities) this.#sort(locality);
  }

  #sort(group: Locality | Level): void {
    group.healthy = keep(group.healthy, ofFitness(group.all, 'healthy'));
    group.degraded = keep(group.degraded, ofFitness(group.all, 'degraded'));
    group.excluded = group.all.reduce((count, { health }) => count + (isExcluded(health) ? 1 : 0), 0);
  }
}

/** Endpoints by priority; there is always one. */
export function levelsOf(endpoints: readonly Endpoint[], factors: Factors): readonly Level[] {
  const highest = endpoints.reduce((most, { priority }) => Math.max(most, priority), 0);
  return Array.from({ length: highest + 1 }, (_, priority) => {
    const members = highest === 0 ? endpoints : endpoints.filter((it) => it.priority === priority);
    return new Level(members, priority, factors);
  });
}

function weightOf(endpoints: readonly Endpoint[]): number {
  return endpoints.reduce((sum, { weight }) => sum + weight, 0);
}

function ofFitness(endpoints: readonly Endpoint[], wanted: Availability): readonly Endpoint[] {
  return endpoints.filter(({ health }) => fitnessOf(health) === wanted);
}

function keep(before: readonly Endpoint[], after: readonly Endpoint[]): readonly Endpoint[] {
  return before.length === after.length && before.every((endpoint, i) => endpoint === after[i]) ? before : after;
}

function byLocality(a: string, b: string): number {
  const [left, right] = [localityFields(a), localityFields(b)];
  for (const field of ['region', 'zone', 'subZone'] as const) {
    const [x, y] = [left[field], right[field]];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
