// Balancers that need no hash: a priority, then perhaps a locality, then one endpoint of the candidates by the cluster's policy.
import { unreachable } from '../../lib/unreachable.ts';
import type { LocalityConfig, PolicyConfig } from '../config/cluster-types.ts';
import type { Balancer, BalancerContext, Endpoint, LocalCluster, PickContext } from './balancer.ts';
import { leastRequest } from './least-request.ts';
import { type Availability, type Factors, type Level, type Locality, levelsOf } from './level.ts';
import { type LevelChoice, Levels } from './levels.ts';
import { localitySchedule } from './locality-weights.ts';
import { peakEwma } from './peak-ewma.ts';
import { oneOf, type Picker } from './picker.ts';
import { roundRobin, weightedRoundRobin } from './round-robin.ts';
import { isUnwanted } from './wanted.ts';
import { type ZoneRouting, zoneRouting } from './zone-routing.ts';

export type BalancerConfig = {
  readonly policy: PolicyConfig;
  readonly localities: LocalityConfig;
  readonly panicThreshold: number;
};

export class ScheduledBalancer implements Balancer {
  readonly #config: BalancerConfig;
  readonly #context: BalancerContext;
  readonly #levels: Levels;
  /** By list of candidates, which keeps its identity while its endpoints are fit. */
  #pickers = new WeakMap<readonly Endpoint[], Picker>();
  /** By level and availability; null where localities do not matter. */
  #schedules = new Map<LevelChoice, (() => Locality) | null>();
  #zones: ZoneRouting | null = null;
  #localVersion = -1;

  constructor(config: BalancerConfig, factors: Factors, endpoints: readonly Endpoint[], context: BalancerContext) {
    this.#config = config;
    this.#context = context;
    this.#levels = new Levels(levelsOf(endpoints, factors), config.panicThreshold);
  }

  invalidate(): void {
    this.#levels.invalidate();
  }

  pick(wanted: PickContext): Endpoint | null {
    if (this.#levels.refresh()) this.#forget();
    let picked = this.#pickOnce(wanted);
    for (let attempt = 0; attempt < wanted.reselect && picked !== null && isUnwanted(picked, wanted); attempt++) {
      picked = this.#pickOnce(wanted);
    }
    return picked;
  }

  #pickOnce({ now, reshare }: PickContext): Endpoint | null {
    const choice = this.#levels.choose(this.#context.random() * 100, reshare);
    const candidates = this.#candidates(choice);
    if (candidates === null || candidates.length === 0) return null;
    let picker = this.#pickers.get(candidates);
    if (picker === undefined) {
      picker = this.#makePicker(candidates, now);
      this.#pickers.set(candidates, picker);
    }
    return picker(now);
  }

  #candidates(choice: LevelChoice): readonly Endpoint[] | null {
    const { level, availability } = choice;
    const { localities } = this.#config;
    if (level.panic) {
      this.#context.stats.lb_healthy_panic += 1;
      return localities.kind === 'zone-aware' && localities.failOnPanic ? null : level.all;
    }
    if (localities.kind === 'weighted') {
      const locality = this.#weighted(choice)?.();
      return locality === undefined ? level[availability] : locality[availability];
    }
    const local = this.#context.local();
    return local === null ? level[availability] : this.#inZone(level, availability, local, localities);
  }

  #weighted(choice: LevelChoice): (() => Locality) | null {
    let schedule = this.#schedules.get(choice);
    if (schedule === undefined) {
      schedule = localitySchedule(choice.level, choice.availability, this.#context.random);
      this.#schedules.set(choice, schedule);
    }
    return schedule;
  }

  #inZone(
    level: Level,
    availability: Availability,
    local: LocalCluster,
    config: Extract<LocalityConfig, { kind: 'zone-aware' }>,
  ): readonly Endpoint[] | null {
    const { stats, random } = this.#context;
    const first = this.#levels.levels[0];
    if (level !== first) return level[availability];
    if (this.#localVersion !== local.version) {
      this.#localVersion = local.version;
      this.#zones = zoneRouting(level, local, config, stats, random);
    }
    if (this.#zones === null || random() * 100 >= config.routedPercent) return level[availability];
    if (local.panic) {
      stats.lb_local_cluster_not_ok += 1;
      return config.failOnPanic ? null : level[availability];
    }
    return this.#zones()[availability];
  }

  #forget(): void {
    this.#pickers = new WeakMap();
    this.#schedules = new Map();
    this.#localVersion = -1;
  }

  #makePicker(candidates: readonly Endpoint[], now: number): Picker {
    const { policy } = this.#config;
    const { random } = this.#context;
    switch (policy.kind) {
      case 'round-robin':
        return roundRobin(candidates, policy.slowStart, now, random);
      case 'reported-load':
        return weightedRoundRobin(candidates, policy.slowStart, now, random);
      case 'random':
        // Weights are ignored, as Envoy ignores them.
        return () => oneOf(candidates, random);
      case 'least-request':
        return leastRequest(candidates, policy, now, random);
      case 'peak-ewma':
        return peakEwma(candidates, random);
      case 'ring-hash':
      case 'maglev':
        throw new Error(`${policy.kind} needs a hash`);
      default:
        return unreachable(policy);
    }
  }
}
