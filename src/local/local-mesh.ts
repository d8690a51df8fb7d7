// Runs a layout: starts what is new, stops what is gone, leaves the rest alone, and says what is there and ready.
import type { Clock } from '../lib/clock.ts';
import type { Fragment } from '../model/fragment.ts';
import { type Layout, type LocalDefaults, type LocalGateway, layOut, type Replica } from './layout.ts';
import { NewestOnly } from './newest.ts';
import type { PortAllocator } from './ports.ts';
import { describeRunning, gatewayKey, type Running, replicaKey, runningText, signatureOf } from './running.ts';
import { type ReplicaProcesses, RunningReplica } from './running-replica.ts';
import type { Supervision } from './supervised-process.ts';

export type LocalMeshOptions = {
  readonly ports: PortAllocator;
  readonly defaults: LocalDefaults;
  readonly clock: Clock;
  readonly supervision: Supervision;
  /** The processes of a replica or gateway, with every file they need written. */
  readonly prepare: {
    replica(replica: Replica, fragment: Fragment, layout: Layout): Promise<Omit<ReplicaProcesses, 'held'>>;
    gateway(gateway: LocalGateway): Promise<Omit<ReplicaProcesses, 'held'>>;
  };
  /** Takes effect before it returns: a process that is started next must be known to the control plane. */
  readonly onRunning: (running: Running) => void;
  /** Whether every proxy has what was told of who runs: `check` looks again. */
  readonly isApplied: () => boolean;
  /** Called once: everything is ready, or patience with what is not has ended, and the clients start. */
  readonly onReady: () => void;
  /** For what cannot be started: it is said, the rest goes on. */
  readonly onError: (error: unknown) => void;
};

type Unit = { readonly signature: string; readonly processes: RunningReplica; readonly client: boolean };

const GRACE = 3_000;
/** Milliseconds without anything new being ready, after which clients no longer wait for the rest: a slow machine is not a broken one. */
const PATIENCE = 10_000;

export class LocalMesh {
  readonly #options: LocalMeshOptions;
  readonly #units = new Map<string, Unit>();
  #layout: Layout = { replicas: [], gateways: [], problems: [] };
  #newest: Fragment | null = null;
  readonly #work: NewestOnly<Fragment>;
  /** Everything of the first mesh was started. */
  #begun = false;
  #clientsReleased = false;
  #cancelPatience: (() => void) | null = null;
  #readyCount = 0;
  #allReady = false;
  #stopping = false;
  #reported = '';

  constructor(options: LocalMeshOptions) {
    this.#options = options;
    this.#work = new NewestOnly((fragment) => this.#reconcile(fragment), options.onError);
  }

  /** Brings what runs in line with the mesh. One at a time; of those that wait only the newest counts. */
  apply(fragment: Fragment): void {
    if (fragment === this.#newest) return;
    this.#newest = fragment;
    this.#work.give(fragment);
  }

  /** Ends the applications nobody calls: no new traffic begins. */
  async stopClients(): Promise<void> {
    await this.#beginStop();
    const clients = [...this.#units.values()].filter(({ client }) => client);
    await Promise.all(clients.map(({ processes }) => processes.stopApplication(GRACE)));
  }

  async stop(): Promise<void> {
    await this.stopClients();
    await Promise.all([...this.#units.values()].map(({ processes }) => processes.stop(GRACE)));
    this.#units.clear();
  }

  async #beginStop(): Promise<void> {
    this.#stopping = true;
    this.#cancelPatience?.();
    await this.#work.stop();
  }

  async #reconcile(fragment: Fragment): Promise<void> {
    const { ports, defaults, prepare } = this.#options;
    const layout = await layOut(fragment, ports, defaults);
    const wanted = wantedUnits(layout, fragment);
    await Promise.all([...this.#units].map(([key, unit]) => this.#stopUnless(key, unit, wanted.get(key)?.signature)));
    this.#layout = layout;
    this.#report();
    const added = [...wanted].filter(([key]) => !this.#units.has(key));
    await Promise.all(
      added.map(async ([key, { signature, client, replica, gateway }]) => {
        try {
          const made = replica ? await prepare.replica(replica, fragment, layout) : await prepare.gateway(gateway);
          this.#start(key, signature, client, { ...made, held: client && !this.#clientsReleased });
        } catch (error) {
          this.#options.onError(error);
        }
      }),
    );
    if (!this.#begun) this.#beginPatience();
    this.#begun = true;
    this.#onReadiness();
  }

  #start(key: string, signature: string, client: boolean, plan: ReplicaProcesses): void {
    if (this.#stopping) return;
    const processes = new RunningReplica(plan, this.#options.supervision, () => this.#onReadiness());
    this.#units.set(key, { signature, client, processes });
    processes.start();
  }

  async #stopUnless(key: string, unit: Unit, signature: string | undefined): Promise<void> {
    if (unit.signature === signature) return;
    this.#units.delete(key);
    await unit.processes.stop(GRACE);
  }

  #onReadiness(): void {
    if (this.#stopping) return;
    this.#report();
    if (!this.#begun) return;
    const units = [...this.#units.values()];
    const ready = units.filter(({ client, processes }) => (client ? processes.proxyReady : processes.ready)).length;
    if (ready > this.#readyCount) this.#beginPatience();
    this.#readyCount = ready;
    this.#allReady = ready === units.length;
    this.check();
  }

  /** Clients start once what they call is ready, and every proxy knows where it is. */
  check(): void {
    if (this.#allReady && !this.#stopping && !this.#clientsReleased && this.#options.isApplied())
      this.#releaseClients();
  }

  #beginPatience(): void {
    this.#cancelPatience?.();
    this.#cancelPatience = this.#clientsReleased
      ? null
      : this.#options.clock.after(PATIENCE, () => this.#releaseClients());
  }

  #releaseClients(): void {
    if (this.#clientsReleased) return;
    this.#clientsReleased = true;
    for (const { client, processes } of this.#units.values()) if (client) processes.release();
    this.#options.onReady();
  }

  /** Says what runs, when that is news. */
  #report(): void {
    const running = describeRunning(this.#layout, (key) => this.#units.get(key)?.processes);
    const text = runningText(running);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#options.onRunning(running);
  }
}

type Wanted = {
  readonly signature: string;
  readonly client: boolean;
} & (
  | { readonly replica: Replica; readonly gateway?: never }
  | { readonly gateway: LocalGateway; readonly replica?: never }
);

function wantedUnits({ replicas, gateways }: Layout, { services }: Fragment): Map<string, Wanted> {
  const isCalled = ({ workload }: Replica): boolean =>
    services.some(
      ({ namespace, selector }) =>
        namespace === workload.namespace &&
        selector !== null &&
        Object.entries(selector).every(([key, value]) => workload.labels[key] === value),
    );
  return new Map([
    ...replicas.map((replica): [string, Wanted] => [
      replicaKey(replica),
      { replica, client: !isCalled(replica), signature: signatureOf(replica) },
    ]),
    ...gateways.map((gateway): [string, Wanted] => [
      gatewayKey(gateway),
      { gateway, client: false, signature: JSON.stringify(gateway.instance) },
    ]),
  ]);
}
