// Priorities of a cluster: how many endpoints of each are fit, what share of requests each gets, and panic. Envoy's rules
// (load balancing, "Priority levels", "Degraded endpoints" and "Panic threshold"): with its default overprovisioning of 140 %
// a level is full while 1/1.4 of its endpoints are fit.
import type { Assignment } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';
import { isExcluded } from './health.ts';
import { type Availability, Level } from './level.ts';

export type LevelChoice = { readonly level: Level; readonly availability: Availability };
/** What holds for all endpoints of an assignment. */
export type Factors = Pick<Assignment, 'overprovisioning' | 'weightedHealth' | 'localityWeights'>;
/** Percent of requests by level, which add up to 100 over both. */
type Loads = Record<Availability, number[]>;

export class Levels {
  readonly levels: readonly Level[];
  readonly #panicThreshold: number;
  readonly #factors: Factors;
  #choices: readonly LevelChoice[] = [];
  #ends: readonly number[] = [];

  constructor(endpoints: readonly Endpoint[], factors: Factors, panicThreshold: number) {
    this.#panicThreshold = panicThreshold;
    this.#factors = factors;
    const highest = endpoints.reduce((most, { priority }) => Math.max(most, priority), 0);
    this.levels = Array.from({ length: highest + 1 }, (_, priority) => {
      const weights = factors.localityWeights.filter((one) => one.priority === priority);
      return new Level(
        highest === 0 ? endpoints : endpoints.filter((it) => it.priority === priority),
        new Map(weights.map(({ locality, weight }) => [locality, weight])),
      );
    });
    this.#share();
  }

  /** `place` in [0, 100) says which request of a hundred it is. */
  choose(place: number): LevelChoice {
    let at = 0;
    while (at < this.#ends.length - 1 && place >= this.#ends[at]!) at += 1;
    return this.#choices[at]!;
  }

  /** The health of endpoints has changed. */
  refresh(): void {
    for (const level of this.levels) level.refresh();
    this.#share();
  }

  isPanic(level: Pick<Level, 'all' | 'healthy' | 'degraded' | 'excluded'>): boolean {
    const count = level.all.length - level.excluded;
    const fit = count === 0 ? 0 : (100 * (level.healthy.length + level.degraded.length)) / count;
    return fit < this.#panicThreshold;
  }

  #share(): void {
    const { levels } = this;
    const health = levels.map((level) => this.#available(level, level.healthy));
    const degraded = levels.map((level) => this.#available(level, level.degraded));
    const total = Math.min(100, sum(health) + sum(degraded));
    for (const level of levels) level.panic = total < 100 && this.isPanic(level);
    let loads: Loads;
    if (this.#panicThreshold > 0 && levels.every(({ panic }) => panic)) loads = loadsBySize(levels);
    else if (total === 0) loads = { healthy: [100], degraded: [] };
    else loads = loadsByHealth(health, degraded, total);
    this.#cut(loads);
  }

  #available({ all, excluded }: Level, fit: readonly Endpoint[]): number {
    const { overprovisioning, weightedHealth } = this.#factors;
    if (all.length === excluded) return 0;
    const counted = weightedHealth ? all.filter(({ health }) => !isExcluded(health)) : all;
    const whole = weightedHealth ? weightOf(counted) : all.length - excluded;
    const part = weightedHealth ? weightOf(fit) : fit.length;
    return Math.min(100, Math.floor((overprovisioning * part) / whole));
  }

  /** Healthy endpoints of all levels first, then degraded ones; each gets a stretch of [0, 100). */
  #cut(loads: Loads): void {
    const choices: LevelChoice[] = [];
    const ends: number[] = [];
    let end = 0;
    for (const availability of ['healthy', 'degraded'] as const) {
      loads[availability].forEach((load, i) => {
        if (load === 0) return;
        end += load;
        choices.push({ level: this.levels[i]!, availability });
        ends.push(end);
      });
    }
    this.#choices = choices;
    this.#ends = ends;
  }
}

function loadsByHealth(health: readonly number[], degraded: readonly number[], total: number): Loads {
  let left = 100;
  const distribute = (available: readonly number[]) =>
    available.map((percent) => {
      const load = Math.min(left, Math.floor((percent * 100) / total));
      left -= load;
      return load;
    });
  const loads: Loads = { healthy: distribute(health), degraded: distribute(degraded) };
  // What rounding has left goes to the first that is there.
  const first = health.findIndex((percent) => percent > 0);
  if (first !== -1) loads.healthy[first]! += left;
  else loads.degraded[degraded.findIndex((percent) => percent > 0)]! += left;
  return loads;
}

/** When all are in panic: by the number of endpoints, fit or not. */
function loadsBySize(levels: readonly Level[]): Loads {
  const count = sum(levels.map(({ all }) => all.length));
  if (count === 0) return { healthy: [100], degraded: [] };
  const healthy = levels.map(({ all }) => Math.floor((100 * all.length) / count));
  healthy[levels.findIndex(({ all }) => all.length > 0)]! += 100 - sum(healthy);
  return { healthy, degraded: [] };
}

function weightOf(endpoints: readonly Endpoint[]): number {
  return sum(endpoints.map(({ weight }) => weight));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
