// A mesh that somebody else runs: everything its processes need is written down, and whether they are ready is looked at again and
// again. Nothing is started here.
import type { Clock } from '../lib/clock.ts';
import type { Fragment } from '../model/fragment.ts';
import { type Layout, type LocalDefaults, type LocalGateway, layOut, type Replica } from './layout.ts';
import { NewestOnly } from './newest.ts';
import type { PortAllocator } from './ports.ts';
import { allOpen, type Check, proxyReady } from './probe.ts';
import type { Prepared } from './replica-files.ts';
import { describeRunning, gatewayKey, type Running, replicaKey, runningText } from './running.ts';
import type { ProcessSpec } from './supervised-process.ts';

export type PreparedMeshOptions = {
  readonly ports: PortAllocator;
  readonly defaults: LocalDefaults;
  readonly clock: Clock;
  /** The processes of a replica or gateway, with every file they need written. */
  readonly prepare: {
    replica(replica: Replica, fragment: Fragment, layout: Layout): Promise<Prepared>;
    gateway(gateway: LocalGateway): Promise<Prepared>;
  };
  /** All processes of the mesh, proxies before their applications: after every change. */
  readonly onPrepared: (processes: readonly ProcessSpec[]) => Promise<void>;
  /** Takes effect before it returns: a process that is started next must be known to the control plane. */
  readonly onRunning: (running: Running) => void;
  readonly onError: (error: unknown) => void;
};

/** Milliseconds between two looks at whether everything is ready. */
const INTERVAL = 1_000;

export class PreparedMesh {
  readonly #options: PreparedMeshOptions;
  readonly #work: NewestOnly<Fragment>;
  /** null before the first: whoever runs already must not be told of a mesh without anybody. */
  #layout: Layout | null = null;
  #checks = new Map<string, Check>();
  #ready: ReadonlySet<string> = new Set();
  #reported = '';
  #cancelLook: () => void = () => undefined;
  #closed = false;

  constructor(options: PreparedMeshOptions) {
    this.#options = options;
    this.#work = new NewestOnly((fragment) => this.#prepare(fragment), options.onError);
  }

  apply(fragment: Fragment): void {
    this.#work.give(fragment);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook();
    await this.#work.stop();
  }

  async #prepare(fragment: Fragment): Promise<void> {
    const { ports, defaults, prepare, onPrepared } = this.#options;
    const layout = await layOut(fragment, ports, defaults);
    this.#layout = layout;
    this.#checks = checksOf(layout);
    await this.#look();
    const prepared: Prepared[] = [];
    for (const replica of layout.replicas) prepared.push(await prepare.replica(replica, fragment, layout));
    for (const gateway of layout.gateways) prepared.push(await prepare.gateway(gateway));
    const processes = prepared.flatMap(({ proxy, application }) => [proxy, application]);
    await onPrepared(processes.filter((process) => process !== null));
  }

  async #look(): Promise<void> {
    this.#cancelLook();
    const answers = [...this.#checks].map(async ([key, check]) => ((await check()) ? [key] : []));
    this.#ready = new Set((await Promise.all(answers)).flat());
    if (this.#closed) return;
    this.#report();
    this.#cancelLook();
    this.#cancelLook = this.#options.clock.after(INTERVAL, () => void this.#look());
  }

  /** Says what runs, when that is news. */
  #report(): void {
    if (this.#layout === null) return;
    const running = describeRunning(this.#layout, (key) => ({ ready: this.#ready.has(key), proxyPid: null }));
    const text = runningText(running);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#options.onRunning(running);
  }
}

function checksOf({ replicas, gateways }: Layout): Map<string, Check> {
  return new Map([
    ...replicas.map((replica): [string, Check] => [replicaKey(replica), replicaReady(replica)]),
    ...gateways.map((gateway): [string, Check] => [gatewayKey(gateway), proxyReady(gateway.admin)]),
  ]);
}

function replicaReady({ instance, admin }: Replica): Check {
  const checks = [
    ...(admin === null ? [] : [proxyReady(admin)]),
    allOpen(instance.ports.map(({ application }) => application)),
  ];
  return async () => (await Promise.all(checks.map((check) => check()))).every(Boolean);
}
