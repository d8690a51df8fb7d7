// The endpoints of one priority, sorted by fitness and locality. Lists keep their identity while they stay the same, because
// schedules and tables belong to them.
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

export class Level {
  readonly all: readonly Endpoint[];
  readonly localities: readonly Locality[];
  healthy: readonly Endpoint[] = [];
  degraded: readonly Endpoint[] = [];
  excluded = 0;
  /** Too few are fit: all are chosen from. */
  panic = false;

  constructor(all: readonly Endpoint[], weights: ReadonlyMap<string, number>) {
    this.all = all;
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

function ofFitness(endpoints: readonly Endpoint[], wanted: Availability): readonly Endpoint[] {
  return endpoints.filter(({ health }) => fitnessOf(health) === wanted);
}

function keep(before: readonly Endpoint[], after: readonly Endpoint[]): readonly Endpoint[] {
  return before.length === after.length && before.every((endpoint, i) => endpoint === after[i]) ? before : after;
}

function byLocality(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (let i = 0; i < 3; i++) {
    const [x, y] = [left[i] ?? '', right[i] ?? ''];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
