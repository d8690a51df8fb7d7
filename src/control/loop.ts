// The loop: objects and instances in, a snapshot per proxy out. Changes that come close together make one run; a run that fails
// changes nothing; a proxy whose plan did not change gets nothing.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ProxyPlan } from '../mesh/plan.ts';
import type { MeshPlan } from '../mesh/plan-mesh.ts';
import { emptyFragment, type Fragment } from '../model/fragment.ts';
import type { MeshObject } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import type { GatewayInstance, Instance } from '../model/service.ts';
import type { Application } from '../xds/application.ts';
import type { Snapshot } from '../xds/resource.ts';
import { LastGood } from './last-good.ts';
import { sortProblems } from './problem-order.ts';
import type { Stages } from './stages.ts';

/** What the loop publishes to. */
type Publisher = {
  setSnapshot(nodeId: string, snapshot: Snapshot): void;
  removeNode(nodeId: string): void;
  applied(origin: string): Application;
};

export type LoopOptions = {
  readonly stages: Stages;
  readonly publisher: Publisher;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Log;
};

export type LoopState = {
  readonly objects: readonly MeshObject[];
  readonly fragment: Fragment;
  /** Of all stages; by file and line. */
  readonly problems: readonly Problem[];
  readonly plans: readonly ProxyPlan[];
  /** By node id. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** Milliseconds since the epoch; 0 before the first run. */
  readonly changedAt: number;
  /** Milliseconds that the stages of the last run took. */
  readonly durations: { readonly read: number; readonly plan: number; readonly encode: number };
  /** Runs, or parts of them, that a bug ended. */
  readonly failures: number;
};

/** Milliseconds in which further changes join the run that the first one asked for. */
const GATHER = 20;

export class ControlLoop {
  readonly #options: LoopOptions;
  readonly #lastGood = new LastGood();
  readonly #listeners = new Set<(state: LoopState) => void>();
  #given: { objects: readonly MeshObject[]; problems: readonly Problem[] } = { objects: [], problems: [] };
  #reading: { fragment: Fragment; problems: readonly Problem[] } | null = null;
  #instances: readonly Instance[] = [];
  #gateways: readonly GatewayInstance[] = [];
  #instanceProblems: readonly Problem[] = [];
  #cancel: (() => void) | null = null;
  #state: LoopState = {
    objects: [],
    fragment: emptyFragment,
    problems: [],
    plans: [],
    snapshots: new Map(),
    changedAt: 0,
    durations: { read: 0, plan: 0, encode: 0 },
    failures: 0,
  };

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  get state(): LoopState {
    return this.#state;
  }

  setObjects(objects: readonly MeshObject[], sourceProblems: readonly Problem[]): void {
    this.#given = { objects: this.#lastGood.merge(objects, sourceProblems), problems: sourceProblems };
    this.#reading = null;
    this.#schedule();
  }

  /** `problems`: what whoever runs them found wrong. */
  setInstances(
    instances: readonly Instance[],
    gateways: readonly GatewayInstance[],
    problems: readonly Problem[] = [],
  ): void {
    this.#instances = instances;
    this.#gateways = gateways;
    this.#instanceProblems = problems;
    this.#schedule();
  }

  /** Calls back after every run. Returns how to stop. */
  onChange(listener: (state: LoopState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  applied(objectKey: string): Application {
    return this.#options.publisher.applied(objectKey);
  }

  /** Runs what is waiting, now. */
  flush(): void {
    if (this.#cancel === null) return;
    this.#cancel();
    this.#cancel = null;
    this.#run();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#listeners.clear();
  }

  #schedule(): void {
    this.#cancel ??= this.#options.clock.after(GATHER, () => {
      this.#cancel = null;
      this.#run();
    });
  }

  #run(): void {
    const { clock } = this.#options;
    const begun = clock.now();
    const reading = this.#reading ?? this.#attempt('read', () => this.#options.stages.read(this.#given.objects));
    if (reading === null) return;
    this.#reading = reading;
    const read = clock.now();
    const mesh = this.#attempt('plan', () => this.#plan(reading.fragment));
    if (mesh === null) return;
    const planned = clock.now();
    const snapshots = this.#encode(mesh.plans);
    this.#state = {
      objects: this.#given.objects,
      fragment: reading.fragment,
      problems: sortProblems([
        ...this.#given.problems,
        ...reading.problems,
        ...mesh.problems,
        ...this.#instanceProblems,
      ]),
      plans: mesh.plans,
      snapshots,
      changedAt: clock.epoch(),
      durations: { read: read - begun, plan: planned - read, encode: clock.now() - planned },
      failures: this.#state.failures,
    };
    for (const listener of this.#listeners) this.#attempt('listener', () => listener(this.#state));
  }

  #plan(fragment: Fragment): MeshPlan {
    return this.#options.stages.plan({
      fragment,
      instances: this.#instances,
      gateways: this.#gateways,
      trustDomain: this.#options.trustDomain,
      previous: this.#state.plans,
    });
  }

  /** Encodes and publishes what changed, and removes the proxies that are gone. */
  #encode(plans: readonly ProxyPlan[]): Map<string, Snapshot> {
    const { stages, publisher } = this.#options;
    const before = new Map(this.#state.plans.map((plan) => [plan.proxy.id, plan]));
    const snapshots = new Map<string, Snapshot>();
    for (const plan of plans) {
      const { id } = plan.proxy;
      const old = this.#state.snapshots.get(id);
      const unchanged = old !== undefined && before.get(id) === plan;
      const snapshot = unchanged ? old : (this.#attempt('encode', () => stages.encode(plan)) ?? old);
      if (snapshot === undefined) continue;
      snapshots.set(id, snapshot);
      if (snapshot !== old) publisher.setSnapshot(id, snapshot);
    }
    for (const id of this.#state.snapshots.keys()) if (!snapshots.has(id)) publisher.removeNode(id);
    return snapshots;
  }

  /** A throw here is a bug: it is logged and counted, and what runs goes on. */
  #attempt<T>(stage: string, work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      this.#options.log.error({ stage, err: error }, 'a bug stopped this stage; the last good configuration stays');
      this.#state = { ...this.#state, failures: this.#state.failures + 1 };
      return null;
    }
  }
}
