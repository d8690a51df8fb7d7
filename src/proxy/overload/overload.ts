// The state of the process that the request path asks: fields, set anew at every look.
import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../lib/clock.ts';
import type { Tally } from '../../lib/shared-tallies.ts';
import { type Monitor, type OverloadAction, type OverloadConfig, safetyNet, type Trigger } from './config.ts';

/** Figures of the process, and what lowers them; replaced by tests. */
export type Gauges = {
  /** Share of V8's limit that is in use. */
  heap(): number;
  /** Bytes. */
  memory(): number;
  /** Collects garbage and gives back what is unused: it may take some 50 ms. */
  release(): void;
};

const SHRINKS = 'overload.envoy.overload_actions.shrink_heap.shrink_count';
/** Milliseconds between releases; Envoy's of `shrink_heap`. */
const RELEASE_EVERY = 10_000;

export const processGauges: Gauges = {
  heap: () => {
    const { used_heap_size, heap_size_limit } = getHeapStatistics();
    return used_heap_size / heap_size_limit;
  },
  memory: () => process.memoryUsage.rss(),
  release: () => undefined,
};

export class Overload {
  /** New requests are answered 503. */
  shedsRequests = false;
  /** Answers end their connection. */
  endsKeepAlive = false;
  /** Share of new connections that are closed at once. */
  refusedShare = 0;
  /** Downstream connections now, of all listeners. */
  connections = 0;
  /** What other threads of the process have of them. */
  #others: Tally | null = null;
  readonly #config: OverloadConfig;
  readonly #clock: Clock;
  readonly #gauges: Gauges;
  readonly #pressures = new Map<string, number>();
  readonly #states = new Map<OverloadAction, number>();
  #stop: (() => void) | null = null;
  #expected = 0;
  #released = Number.NEGATIVE_INFINITY;
  #releases = 0;

  constructor(clock: Clock, config: OverloadConfig = safetyNet, gauges: Gauges = processGauges) {
    this.#config = config;
    this.#clock = clock;
    this.#gauges = gauges;
  }

  /** There is room for one more connection, as far as the whole process goes. */
  get hasRoom(): boolean {
    const { maxConnections } = this.#config;
    return maxConnections === null || this.connections + (this.#others?.others(0) ?? 0) < maxConnections;
  }

  /** The limit of connections is that of several threads. */
  share(tally: Tally | null): void {
    this.#others = tally;
  }

  beginConnection(): void {
    this.connections += 1;
    this.#others?.add(0, 1);
  }

  endConnection(): void {
    this.connections -= 1;
    this.#others?.add(0, -1);
  }

  start(): void {
    this.#look(0);
    this.#wait();
  }

  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  /** `envoy.resource_monitors.<name>.pressure` in percent, and which actions hold. */
  *stats(): IterableIterator<readonly [name: string, value: number]> {
    for (const [name, pressure] of this.#pressures) yield [`overload.${name}.pressure`, Math.round(pressure * 100)];
    for (const [name, state] of this.#states) {
      yield [`overload.envoy.overload_actions.${name}.active`, state === 1 ? 1 : 0];
      yield [`overload.envoy.overload_actions.${name}.scale_percent`, Math.round(state * 100)];
    }
    if (this.#states.has('shrink_heap')) yield [SHRINKS, this.#releases];
  }

  #wait(): void {
    const { refreshInterval } = this.#config;
    this.#expected = this.#clock.now() + refreshInterval;
    this.#stop = this.#clock.after(refreshInterval, () => {
      this.#look(Math.max(0, this.#clock.now() - this.#expected));
      this.#wait();
    });
  }

  #look(lag: number): void {
    this.#measure(lag);
    if (this.#wantsRelease() && this.#clock.now() - this.#released >= RELEASE_EVERY) {
      this.#gauges.release();
      this.#released = this.#clock.now();
      this.#releases += 1;
      this.#measure(lag);
    }
    this.shedsRequests = this.#states.get('stop_accepting_requests') === 1;
    this.endsKeepAlive = this.#states.get('disable_http_keepalive') === 1;
    const stopped = this.#states.get('stop_accepting_connections') === 1;
    this.refusedShare = stopped ? 1 : (this.#states.get('reject_incoming_connections') ?? 0);
  }

  #measure(lag: number): void {
    for (const monitor of this.#config.monitors) this.#pressures.set(monitor.name, this.#pressureOf(monitor, lag));
    for (const { name, triggers } of this.#config.actions) {
      this.#states.set(name, Math.max(...triggers.map((trigger) => this.#stateOf(trigger))));
    }
  }

  /** Memory is full, or said to be for `shrink_heap`: who takes no requests makes no garbage, and would never collect it. */
  #wantsRelease(): boolean {
    const { actions, monitors } = this.#config;
    const lasting = new Set(monitors.filter(({ kind }) => kind !== 'lag').map(({ name }) => name));
    return actions.some(({ triggers }) =>
      triggers.some((trigger) => lasting.has(trigger.monitor) && this.#stateOf(trigger) === 1),
    );
  }

  #pressureOf({ kind, limit }: Monitor, lag: number): number {
    if (kind === 'heap') return this.#gauges.heap();
    return kind === 'memory' ? this.#gauges.memory() / limit : lag / limit;
  }

  #stateOf({ monitor, scaling, saturation }: Trigger): number {
    const pressure = this.#pressures.get(monitor) ?? 0;
    if (pressure >= saturation) return 1;
    return pressure <= scaling ? 0 : (pressure - scaling) / (saturation - scaling);
  }
}
