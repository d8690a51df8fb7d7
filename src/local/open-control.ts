// The control plane of one machine, over a folder of YAML: what `tulle up` and `bin/control.ts` have in common.
import { delimiter, dirname } from 'node:path';
import type { RunningProxy } from '../api/mesh-view.ts';
import { ControlPlane, type Running as ControlRunning } from '../control/control-plane.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { port } from '../model/units.ts';
import { findEnvoy } from './find-envoy.ts';
import { type MeshFiles, openFiles } from './mesh-files.ts';
import { type FixedPort, requireFree } from './ports.ts';
import { grpcNodeId, type ProxySurroundings, proxyNodeId } from './proxy-files.ts';
import { gatewayOwner, ownerOf } from './replica-files.ts';
import type { LocalProxy, Running } from './running.ts';
import { StateFolder } from './state-folder.ts';
import type { UndoList } from './undo-list.ts';

export const HOST = '127.0.0.1';

export type ControlOptions = {
  /** Folder or file of YAML. */
  readonly path: string;
  readonly state: string;
  /** What becomes of the state an earlier run left; see `StateFolder.open`. */
  readonly start: 'fresh' | 'resumed';
  /** 0 takes any free port. */
  readonly ports: { readonly api: number; readonly xds: number };
  readonly trustDomain: string;
  readonly dataPlane: 'tulle' | 'envoy';
  /** Folder of the built dashboard, or null for none. */
  readonly dashboard: string | null;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: (state: StateFolder) => Log;
};

export type OpenControl = {
  readonly control: ControlPlane;
  readonly files: MeshFiles;
  readonly around: ProxySurroundings;
};

/** In the order in which a person would want to hear of an error; every step adds how it is undone. The first objects are planned. */
export async function openControl(options: ControlOptions, undo: UndoList): Promise<OpenControl> {
  await requireFree(HOST, controlPorts(options.ports));
  const envoy = options.dataPlane === 'envoy' ? await findEnvoy(options.env) : null;
  const state = await StateFolder.open(options.state, options.start);
  undo.add(() => state.close(options.start === 'fresh' ? 'nothing' : 'processes'));
  const files = await openFiles(options.path);
  undo.add(() => files.close());
  const control = await ControlPlane.start({
    trustDomain: options.trustDomain,
    authority: state.authority,
    host: HOST,
    ports: options.ports,
    dashboard: options.dashboard ?? '',
    version: options.version,
    clock: options.clock,
    log: options.log(state),
  });
  undo.add(() => control.close());
  control.setObjects(files.first.objects, files.first.problems);
  control.loop.flush();
  return { control, files, around: await surroundings(options, control, state, envoy) };
}

/** For the control plane. */
export const runningProxies = ({ proxies, ...running }: Running): ControlRunning => ({
  ...running,
  proxies: proxies.flatMap(runningProxy),
});

const controlPorts = ({ api, xds }: ControlOptions['ports']): FixedPort[] => [
  { port: api, wantedBy: 'the dashboard and API', hint: 'choose another with --port' },
  { port: xds, wantedBy: 'the control plane', hint: 'choose another with --xds-port' },
];

async function surroundings(
  { env, trustDomain }: ControlOptions,
  control: ControlPlane,
  state: StateFolder,
  envoy: string | null,
): Promise<ProxySurroundings> {
  const rootFile = await state.writeProxyFile('root-cert.pem', control.authority.root);
  const address = { host: HOST, port: port(control.xdsPort) };
  return {
    state,
    tokens: control.tokens,
    trustDomain,
    control: address,
    rootFile,
    serveNode: (nodeId, socket) => control.serveNode(nodeId, socket),
    envoy,
    proxy: env.TULLE_PROXY || null,
    env: childEnvironment(env, state.compileCache),
  };
}

/** Ours without npm's own variables, with the Node that runs this one first on the PATH. */
function childEnvironment(env: ControlOptions['env'], compileCache: string): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('npm_'),
  );
  const path = [dirname(process.execPath), env.PATH].filter(Boolean).join(delimiter);
  return { NODE_COMPILE_CACHE: compileCache, ...Object.fromEntries(kept), PATH: path };
}

function runningProxy(proxy: LocalProxy): RunningProxy[] {
  if (proxy.kind === 'proxyless') {
    const { instance } = proxy.replica;
    const { name, namespace, workload } = instance;
    return [
      { name, namespace, workload, nodeId: grpcNodeId(instance), admin: null, dataPlane: 'proxyless', pid: null },
    ];
  }
  const owner = proxy.kind === 'gateway' ? gatewayOwner(proxy.gateway) : ownerOf(proxy.replica);
  if (owner === null) return [];
  const { name, namespace, workload, admin, dataPlane } = owner;
  const nodeId = proxyNodeId(owner);
  return [{ name, namespace, workload: workload || name, nodeId, admin, dataPlane, pid: proxy.pid }];
}
