// Priorities of a cluster: how many endpoints of each are fit, what share of requests each gets, and panic. Envoy's rules
// (load balancing, "Priority levels" and "Panic threshold"): a level is full while 1/1.4 of its endpoints are healthy.
import type { Endpoint } from './balancer.ts';

/** Percent of traffic a level can take per percent of healthy endpoints. */
const OVERPROVISIONING = 140;
/** A level this large is looked over at most every so many milliseconds; smaller ones at each pick. */
const LARGE = 128;
const LARGE_INTERVAL = 20;

export class Levels {
  readonly #levels: readonly Level[];
  readonly #panicThreshold: number;
  readonly #everyone: readonly Endpoint[];
  #shares: readonly number[] = [];
  #totalPanic = false;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(endpoints: readonly Endpoint[], panicThreshold: number) {
    const priorities = [...new Set(endpoints.map((endpoint) => endpoint.priority))].sort((a, b) => a - b);
    this.#levels = priorities.map((priority) => new Level(endpoints.filter((it) => it.priority === priority)));
    this.#panicThreshold = panicThreshold;
    this.#everyone = endpoints;
    this.#share();
  }

  /** Those to choose from for a request whose place in [0, 100) is given; [] when no endpoint is fit. */
  candidates(now: number, place: number): readonly Endpoint[] {
    this.#refresh(now);
    if (this.#totalPanic) return this.#panicThreshold > 0 ? this.#everyone : [];
    let rest = place;
    for (let i = 0; i < this.#levels.length; i++) {
      rest -= this.#shares[i]!;
      if (rest < 0) return this.#levels[i]!.candidates;
    }
    return [];
  }

  #refresh(now: number): void {
    if (this.#everyone.length > LARGE && now - this.#lookedAt < LARGE_INTERVAL) return;
    this.#lookedAt = now;
    let changed = false;
    for (const level of this.#levels) changed = level.refresh(now) || changed;
    if (changed) this.#share();
  }

  #share(): void {
    const healths = this.#levels.map((level) => Math.min(100, Math.floor(OVERPROVISIONING * level.fitShare)));
    const sum = Math.min(
      100,
      healths.reduce((total, health) => total + health, 0),
    );
    for (const level of this.#levels) level.panic = sum < 100 && level.fitShare * 100 < this.#panicThreshold;
    this.#totalPanic = sum === 0 || (this.#panicThreshold > 0 && this.#levels.every((level) => level.panic));
    let left = 100;
    this.#shares = healths.map((health, i) => {
      const share = i === healths.length - 1 ? left : Math.min(left, Math.floor((health * 100) / sum));
      left -= share;
      return share;
    });
  }
}

/** The endpoints of one priority. Ejections come and go without notice, so every look compares all of them. */
class Level {
  readonly #endpoints: readonly Endpoint[];
  readonly #fit: boolean[];
  #available: readonly Endpoint[];
  panic = false;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#fit = endpoints.map((endpoint) => endpoint.healthy);
    this.#available = endpoints.filter((endpoint) => endpoint.healthy);
  }

  get fitShare(): number {
    return this.#available.length / this.#endpoints.length;
  }

  get candidates(): readonly Endpoint[] {
    return this.panic ? this.#endpoints : this.#available;
  }

  /** True when an endpoint has become fit or unfit. */
  refresh(now: number): boolean {
    let changed = false;
    for (let i = 0; i < this.#endpoints.length; i++) {
      const endpoint = this.#endpoints[i]!;
      const fit = endpoint.healthy && endpoint.ejectedUntil <= now;
      if (fit !== this.#fit[i]) {
        this.#fit[i] = fit;
        changed = true;
      }
    }
    if (changed) this.#available = this.#endpoints.filter((_, i) => this.#fit[i]);
    return changed;
  }
}
