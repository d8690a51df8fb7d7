// Runs a layout: starts what is new, stops what is gone, leaves the rest alone, and says what is there and ready.
import type { Clock } from '../lib/clock.ts';
import type { Fragment } from '../model/fragment.ts';
import type { Problem } from '../model/problem.ts';
import type { GatewayInstance, Instance } from '../model/service.ts';
import { type Layout, type LocalDefaults, type LocalGateway, layOut, type Replica } from './layout.ts';
import type { PortAllocator } from './ports.ts';
import { type ReplicaProcesses, RunningReplica } from './running-replica.ts';
import type { Supervision } from './supervised-process.ts';

/** What runs, for the control plane: called again whenever it changes. */
type Running = {
  readonly instances: readonly Instance[];
  readonly gateways: readonly GatewayInstance[];
  readonly proxies: readonly LocalProxy[];
  /** What the annotations of workloads say wrong. */
  readonly problems: readonly Problem[];
};

export type LocalProxy =
  | { readonly kind: 'sidecar'; readonly replica: Replica; readonly pid: number | null }
  | { readonly kind: 'gateway'; readonly gateway: LocalGateway; readonly pid: number | null };

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
  /** Called once: everything is ready, or patience with what is not has ended, and the clients start. */
  readonly onReady: () => void;
  /** For what cannot be started: it is said, the rest goes on. */
  readonly onError: (error: unknown) => void;
};

type Unit = { readonly signature: string; readonly processes: RunningReplica; readonly client: boolean };

const GRACE = 3_000;
/** Milliseconds after which clients no longer wait for everything else to be ready. */
const PATIENCE = 10_000;

export class LocalMesh {
  readonly #options: LocalMeshOptions;
  readonly #units = new Map<string, Unit>();
  #layout: Layout = { replicas: [], gateways: [], problems: [] };
  #newest: Fragment | null = null;
  /** The newest mesh, while it has not been run yet. */
  #next: Fragment | null = null;
  #working: Promise<void> = Promise.resolve();
  #busy = false;
  /** Everything of the first mesh was started. */
  #begun = false;
  #clientsReleased = false;
  #cancelPatience: (() => void) | null = null;
  #stopping = false;
  #reported = '';

  constructor(options: LocalMeshOptions) {
    this.#options = options;
  }

  /** Brings what runs in line with the mesh. One at a time; of those that wait only the newest counts. */
  apply(fragment: Fragment): void {
    if (fragment === this.#newest) return;
    this.#newest = fragment;
    this.#next = fragment;
    if (this.#busy || this.#stopping) return;
    this.#busy = true;
    this.#working = this.#work().finally(() => {
      this.#busy = false;
    });
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
    await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#next !== null && !this.#stopping) {
      const fragment = this.#next;
      this.#next = null;
      try {
        await this.#reconcile(fragment);
      } catch (error) {
        this.#options.onError(error);
      }
    }
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
    this.#begun = true;
    this.#onReadiness();
    this.#cancelPatience ??= this.#options.clock.after(PATIENCE, () => this.#releaseClients());
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
    if (units.every(({ client, processes }) => (client ? processes.proxyReady : processes.ready)))
      this.#releaseClients();
  }

  #releaseClients(): void {
    if (this.#clientsReleased) return;
    this.#clientsReleased = true;
    for (const { client, processes } of this.#units.values()) if (client) processes.release();
    this.#options.onReady();
  }

  /** Says what runs, when that is news. */
  #report(): void {
    const running = describe(this.#layout, (key) => this.#units.get(key)?.processes);
    const text = JSON.stringify([running.instances, running.gateways, running.proxies.map(({ pid }) => pid)]);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#options.onRunning(running);
  }
}

function describe(
  { replicas, gateways, problems }: Layout,
  processesOf: (key: string) => RunningReplica | undefined,
): Running {
  const pidOf = (key: string): number | null => processesOf(key)?.proxyPid ?? null;
  const sidecars = replicas.filter(({ admin }) => admin !== null);
  return {
    instances: replicas.map((replica) => ({
      ...replica.instance,
      ready: processesOf(replicaKey(replica))?.ready ?? false,
    })),
    gateways: gateways.map(({ instance }) => instance),
    proxies: [
      ...sidecars.map((replica) => ({ kind: 'sidecar' as const, replica, pid: pidOf(replicaKey(replica)) })),
      ...gateways.map((gateway) => ({ kind: 'gateway' as const, gateway, pid: pidOf(gatewayKey(gateway)) })),
    ],
    problems,
  };
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

/** What a replica must be started anew for. A new Service is not: its address is not in the environment of who runs already. */
function signatureOf({ workload, instance, command, cwd }: Replica): string {
  const { capture: _, ...own } = instance;
  return JSON.stringify([command, cwd, workload.environment, own]);
}

const replicaKey = ({ instance }: Replica): string => `${instance.namespace}/${instance.name}`;
const gatewayKey = ({ instance }: LocalGateway): string => `gateway ${instance.namespace}/${instance.name}`;
