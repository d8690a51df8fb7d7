// A mesh on this machine: sources → control plane → local processes, started together and stopped together.
import { delimiter, dirname } from 'node:path';
import { destination, pino } from 'pino';
import { dialectOf } from '../api/dialect.ts';
import type { RunningProxy } from '../api/mesh-view.ts';
import { ControlPlane } from '../control/control-plane.ts';
import type { Clock } from '../lib/clock.ts';
import type { Fragment } from '../model/fragment.ts';
import type { Problem } from '../model/problem.ts';
import { port } from '../model/units.ts';
import { findEnvoy } from './find-envoy.ts';
import { LocalMesh, type LocalProxy } from './local-mesh.ts';
import { openFiles } from './mesh-files.ts';
import { type FixedPort, PortAllocator, requireFree } from './ports.ts';
import { ProcessGuard } from './process-guard.ts';
import { type ProxySurroundings, proxyNodeId } from './proxy-files.ts';
import { gatewayOwner, ownerOf, prepareGateway, prepareReplica } from './replica-files.ts';
import { StateFolder } from './state-folder.ts';
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

const HOST = '127.0.0.1';
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

/** In the order in which a person would want to hear of an error; every step adds how it is undone. */
async function startAll(options: UpOptions, undo: UndoList, make: Make): Promise<LocalRun> {
  const { ports, clock, report } = options;
  await requireFree(HOST, controlPorts(ports));
  const envoy = options.dataPlane === 'envoy' ? await findEnvoy(options.env) : null;
  const state = await StateFolder.open(options.state);
  undo.add(() => state.close());
  const files = await openFiles(options.path);
  undo.add(() => files.close());
  const control = await startControl(options, state, undo);
  control.setObjects(files.first.objects, files.first.problems);
  control.loop.flush();
  await requireFree(HOST, gatewayPorts(control.loop.state.fragment));

  const guard = new ProcessGuard();
  undo.add(() => guard.close());
  const around = await surroundings(options, control, state, envoy);
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
    onRunning: (running) => control.setRunning({ ...running, proxies: running.proxies.flatMap(runningProxy) }),
    onReady: () => report.ready(),
    onError: (error) => report.error(error),
  });
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

const controlPorts = ({ api, xds }: UpOptions['ports']): FixedPort[] => [
  { port: api, wantedBy: 'the dashboard and API', hint: 'choose another with --port' },
  { port: xds, wantedBy: 'the control plane', hint: 'choose another with --xds-port' },
];

const gatewayPorts = ({ gateways }: Fragment): FixedPort[] =>
  gateways.flatMap(({ name, namespace, listeners }) =>
    listeners.map((listener) => ({
      port: listener.port,
      wantedBy: `listener ${listener.name} of Gateway ${namespace}/${name}`,
      hint: 'stop what uses it, or change the port in the YAML',
    })),
  );

async function startControl(options: UpOptions, state: StateFolder, undo: UndoList): Promise<ControlPlane> {
  const logFile = destination({ dest: state.logFile('control'), sync: false, mkdir: true });
  const control = await ControlPlane.start({
    trustDomain: TRUST_DOMAIN,
    authority: state.authority,
    host: HOST,
    ports: options.ports,
    dashboard: options.dashboard ?? '',
    version: options.version,
    clock: options.clock,
    log: pino({ level: 'info' }, logFile),
  });
  undo.add(() => control.close());
  return control;
}

async function surroundings(
  { env }: UpOptions,
  control: ControlPlane,
  state: StateFolder,
  envoy: string | null,
): Promise<ProxySurroundings> {
  const rootFile = await state.writeProxyFile('root-cert.pem', control.authority.root);
  const address = { host: HOST, port: port(control.xdsPort) };
  return {
    state,
    tokens: control.tokens,
    trustDomain: TRUST_DOMAIN,
    control: address,
    rootFile,
    envoy,
    env: childEnvironment(env, state.compileCache),
  };
}

/** Ours without npm's own variables, with the Node that runs this one first on the PATH. */
function childEnvironment(env: UpOptions['env'], compileCache: string): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('npm_'),
  );
  const path = [dirname(process.execPath), env.PATH].filter(Boolean).join(delimiter);
  return { NODE_COMPILE_CACHE: compileCache, ...Object.fromEntries(kept), PATH: path };
}

function runningProxy(proxy: LocalProxy): RunningProxy[] {
  const owner = proxy.kind === 'gateway' ? gatewayOwner(proxy.gateway) : ownerOf(proxy.replica);
  if (owner === null) return [];
  const { name, namespace, workload, admin, dataPlane } = owner;
  const nodeId = proxyNodeId(owner);
  return [{ name, namespace, workload: workload || name, nodeId, admin, dataPlane, pid: proxy.pid }];
}

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
