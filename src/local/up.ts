// A mesh on this machine: sources → control plane → local processes, started together and stopped together.
import { destination, pino } from 'pino';
import { dialectOf } from '../api/dialect.ts';
import type { ControlPlane } from '../control/control-plane.ts';
import type { Clock } from '../lib/clock.ts';
import type { Fragment } from '../model/fragment.ts';
import type { Problem } from '../model/problem.ts';
import { LocalMesh } from './local-mesh.ts';
import { HOST, openControl, runningProxies } from './open-control.ts';
import { type FixedPort, PortAllocator, requireFree } from './ports.ts';
import { ProcessGuard } from './process-guard.ts';
import { prepareGateway, prepareReplica } from './replica-files.ts';
import type { StateFolder } from './state-folder.ts';
import { type Outcome, summarize } from './summary.ts';
import type { ProcessEvent } from './supervised-process.ts';
import { UndoList } from './undo-list.ts';

export type UpOptions = {
  /** Folder or file of YAML. */
  readonly path: string;
  readonly state: string;
  /** 0 takes any free port. */
  readonly ports: { readonly api: number; readonly xds: number };
  readonly dataPlane: 'tulle' | 'envoy';
  /** Folder of the built dashboard, or null for none. */
  readonly dashboard: string | null;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly report: {
    process(event: ProcessEvent): void;
    /** After every change: all there are. */
    problems(problems: readonly Problem[]): void;
    error(error: unknown): void;
    /** Everything is ready, or what is not will not be waited for. */
    ready(): void;
  };
};

const TRUST_DOMAIN = 'cluster.local';
/** Milliseconds that the last rounds of metrics may take. */
const PATIENCE = 5_000;

export class LocalRun {
  readonly control: ControlPlane;
  readonly #mesh: LocalMesh;
  readonly #options: UpOptions;
  readonly #undo: UndoList;

  private constructor(control: ControlPlane, mesh: LocalMesh, options: UpOptions, undo: UndoList) {
    this.control = control;
    this.#mesh = mesh;
    this.#options = options;
    this.#undo = undo;
  }

  /** Resolves when the processes are being started. @throws StartError with nothing left running. */
  static async start(options: UpOptions): Promise<LocalRun> {
    const undo = new UndoList();
    try {
      return await startAll(options, undo, (control, mesh) => new LocalRun(control, mesh, options, undo));
    } catch (error) {
      await undo.run();
      throw error;
    }
  }

  get dashboardUrl(): string | null {
    return this.#options.dashboard === null ? null : this.apiUrl;
  }

  get apiUrl(): string {
    return this.control.api?.url ?? '';
  }

  /** Ends the traffic, lets the last requests be counted, and says what came of it all. The rest still runs. */
  async conclude(): Promise<Outcome> {
    await this.#mesh.stopClients();
    const store = this.control.api?.store;
    if (store !== undefined) await roundsAfter(() => store.at, 2, this.#options.clock);
    const { fragment, objects } = this.control.loop.state;
    return summarize({
      totals: store?.totals() ?? [],
      workloads: fragment.workloads,
      dialects: [...new Set(objects.map(({ apiVersion }) => dialectOf(apiVersion)))].sort(),
      dashboard: this.dashboardUrl,
    });
  }

  stop(): Promise<void> {
    return this.#undo.run();
  }
}

type Make = (control: ControlPlane, mesh: LocalMesh) => LocalRun;

async function startAll(options: UpOptions, undo: UndoList, make: Make): Promise<LocalRun> {
  const { clock, report } = options;
  const { control, files, around } = await openControl(
    { ...options, trustDomain: TRUST_DOMAIN, start: 'fresh', log: logInto },
    undo,
  );
  await requireFree(HOST, gatewayPorts(control.loop.state.fragment));
  const guard = new ProcessGuard();
  undo.add(() => guard.close());
  const portAllocator = new PortAllocator(HOST);
  undo.add(() => portAllocator.close());
  const mesh = new LocalMesh({
    ports: portAllocator,
    defaults: { host: HOST, trustDomain: TRUST_DOMAIN, dataPlane: options.dataPlane },
    clock,
    supervision: { clock, guard, onEvent: (event) => report.process(event) },
    prepare: {
      replica: (replica, fragment, layout) => prepareReplica(replica, fragment, layout, around),
      gateway: (gateway) => prepareGateway(gateway, around),
    },
    onRunning: (running) => control.setRunning(runningProxies(running)),
    isApplied: () => control.cache.settled(),
    onReady: () => report.ready(),
    onError: (error) => report.error(error),
  });
  undo.add(control.cache.onStatus(() => mesh.check()));
  undo.add(() => mesh.stop());
  control.loop.onChange(({ fragment, problems }) => {
    mesh.apply(fragment);
    report.problems(problems);
  });
  files.follow((reading) => control.setObjects(reading.objects, reading.problems));
  report.problems(control.loop.state.problems);
  mesh.apply(control.loop.state.fragment);
  return make(control, mesh);
}

const logInto = (state: StateFolder) =>
  pino({ level: 'info' }, destination({ dest: state.logFile('control'), sync: false, mkdir: true }));

const gatewayPorts = ({ gateways }: Fragment): FixedPort[] =>
  gateways.flatMap(({ name, namespace, listeners }) =>
    listeners.map((listener) => ({
      port: listener.port,
      wantedBy: `listener ${listener.name} of Gateway ${namespace}/${name}`,
      hint: 'stop what uses it, or change the port in the YAML',
    })),
  );

/** Resolves after `rounds` more rounds, or when there seem to come none. */
function roundsAfter(at: () => number, rounds: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let last = at();
    let left = rounds;
    const give = clock.now() + PATIENCE;
    const look = (): void => {
      if (at() !== last) left -= 1;
      last = at();
      if (left === 0 || clock.now() > give) resolve();
      else clock.after(100, look);
    };
    look();
  });
}
