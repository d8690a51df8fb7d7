// Priorities of a cluster: how many endpoints of each are fit, what share of requests each gets, and panic. Envoy's rules
// (load balancing, "Priority levels", "Degraded endpoints" and "Panic threshold"): with its default overprovisioning of 140 %
// a level is full while 1/1.4 of its endpoints are fit.
import type { Endpoint, Priorities, PriorityLoads, Reshare } from './balancer.ts';
import type { Availability, Level } from './level.ts';

export type LevelChoice = { readonly level: Level; readonly availability: Availability };
type Loads = Record<Availability, number[]>;
/** Each choice gets the stretch of [0, 100) up to its end. */
type Cut = { readonly choices: readonly LevelChoice[]; readonly ends: readonly number[] };

export class Levels implements Priorities {
  readonly levels: readonly Level[];
  available: PriorityLoads = { healthy: [], degraded: [] };
  loads: PriorityLoads = { healthy: [], degraded: [] };
  readonly #panicThreshold: number;
  /** By priority; they keep their identity, because schedules belong to them. */
  readonly #choices: readonly Readonly<Record<Availability, LevelChoice>>[];
  #cut: Cut = { choices: [], ends: [] };
  #stale = false;

  constructor(levels: readonly Level[], panicThreshold: number) {
    this.levels = levels;
    this.#panicThreshold = panicThreshold;
    this.#choices = levels.map((level) => ({
      healthy: { level, availability: 'healthy' },
      degraded: { level, availability: 'degraded' },
    }));
    this.#share();
  }

  /** `place` in [0, 100) says which request of a hundred it is. */
  choose(place: number, reshare: Reshare | null): LevelChoice {
    const { choices, ends } = reshare === null ? this.#cut : this.#cutBy(reshare(this));
    let at = 0;
    while (at < ends.length - 1 && place >= ends[at]!) at += 1;
    return choices[at]!;
  }

  /** The health of endpoints has changed: looked at when `refresh` is called. */
  invalidate(): void {
    this.#stale = true;
  }

  /** Whether anything had to be looked at. */
  refresh(): boolean {
    if (!this.#stale) return false;
    this.#stale = false;
    for (const level of this.levels) level.refresh();
    this.#share();
    return true;
  }

  priorityOf(endpoint: Endpoint): number {
    return this.levels.findIndex(({ all }) => all.includes(endpoint));
  }

  isPanic(level: Pick<Level, 'all' | 'healthy' | 'degraded' | 'excluded'>): boolean {
    const count = level.all.length - level.excluded;
    const fit = count === 0 ? 0 : (100 * (level.healthy.length + level.degraded.length)) / count;
    return fit < this.#panicThreshold;
  }

  #share(): void {
    const { levels } = this;
    const available = {
      healthy: levels.map((level) => level.capacity(level.healthy)),
      degraded: levels.map((level) => level.capacity(level.degraded)),
    };
    const total = totalOf(available);
    for (const level of levels) level.panic = total < 100 && this.isPanic(level);
    this.available = available;
    if (this.#panicThreshold > 0 && levels.every(({ panic }) => panic)) this.loads = loadsBySize(levels);
    else if (total === 0) this.loads = { healthy: [100], degraded: [] };
    else this.loads = loadsByHealth(available);
    this.#cut = this.#cutBy(this.loads);
  }

  /** Healthy endpoints of all levels first, then degraded ones. */
  #cutBy(loads: PriorityLoads): Cut {
    const choices: LevelChoice[] = [];
    const ends: number[] = [];
    let end = 0;
    for (const availability of ['healthy', 'degraded'] as const) {
      loads[availability].forEach((load, i) => {
        if (load === 0) return;
        end += load;
        choices.push(this.#choices[i]![availability]);
        ends.push(end);
      });
    }
    return { choices, ends };
  }
}

/** What all priorities together can take, at most 100 percent. */
export function totalOf({ healthy, degraded }: PriorityLoads): number {
  return Math.min(100, sum(healthy) + sum(degraded));
}

/** The first priorities get as much as they can take; something must be available. */
export function loadsByHealth(available: PriorityLoads): PriorityLoads {
  const total = totalOf(available);
  let left = 100;
  const distribute = (percents: readonly number[]) =>
    percents.map((percent) => {
      const load = Math.min(left, Math.floor((percent * 100) / total));
      left -= load;
      return load;
    });
  const loads: Loads = { healthy: distribute(available.healthy), degraded: distribute(available.degraded) };
  // What rounding has left goes to the first that is there.
  const first = available.healthy.findIndex((percent) => percent > 0);
  if (first !== -1) loads.healthy[first]! += left;
  else loads.degraded[available.degraded.findIndex((percent) => percent > 0)]! += left;
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

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
