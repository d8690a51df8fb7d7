// The processes of one replica or gateway, ready to start: the application's with its environment, the proxy's with its files.
import type { Fragment } from '../model/fragment.ts';
import type { Address, Service } from '../model/service.ts';
import { applicationEnvironment } from './environment.ts';
import { findEnvoy } from './find-envoy.ts';
import type { Layout, LocalGateway, Replica } from './layout.ts';
import { type ProxyOwner, type ProxySurroundings, prepareGrpcClient, prepareProxy } from './proxy-files.ts';
import type { ReplicaProcesses } from './running-replica.ts';
import type { ProcessSpec } from './supervised-process.ts';

export type Prepared = Omit<ReplicaProcesses, 'held'>;

export async function prepareReplica(
  replica: Replica,
  fragment: Fragment,
  layout: Layout,
  around: ProxySurroundings,
): Promise<Prepared> {
  const owner = ownerOf(replica);
  const isProxyless = replica.instance.dataPlane === 'proxyless';
  const grpcBootstrap = isProxyless ? await prepareGrpcClient(replica.instance, around) : null;
  return {
    application: applicationSpec(replica, { fragment, layout, around, grpcBootstrap }),
    proxy: owner === null ? null : await prepareProxy(owner, await withEnvoy(owner, around)),
    admin: replica.admin,
    ports: replica.instance.ports.map(({ application }) => application),
  };
}

export async function prepareGateway(gateway: LocalGateway, around: ProxySurroundings): Promise<Prepared> {
  const owner = gatewayOwner(gateway);
  const proxy = await prepareProxy(owner, await withEnvoy(owner, around));
  return { application: null, proxy, admin: gateway.admin, ports: [] };
}

/** null: it has no proxy. */
export function ownerOf({ instance, admin, concurrency }: Replica): ProxyOwner | null {
  const { dataPlane } = instance;
  if (admin === null || (dataPlane !== 'tulle' && dataPlane !== 'envoy')) return null;
  const { name, namespace, workload, labels, serviceAccount, identity } = instance;
  return {
    kind: 'sidecar',
    name,
    namespace,
    workload,
    labels,
    serviceAccount,
    identity,
    dataPlane,
    admin,
    concurrency,
  };
}

export function gatewayOwner({ instance, admin, concurrency }: LocalGateway): ProxyOwner {
  const { name, namespace, serviceAccount, identity, dataPlane } = instance;
  return {
    kind: 'gateway',
    name,
    namespace,
    workload: '',
    labels: {},
    serviceAccount,
    identity,
    dataPlane,
    admin,
    concurrency,
  };
}

/** A single workload may ask for Envoy where the rest does without: it is looked for when it is needed. */
const withEnvoy = async (owner: ProxyOwner, around: ProxySurroundings): Promise<ProxySurroundings> =>
  owner.dataPlane === 'envoy' && around.envoy === null ? { ...around, envoy: await findEnvoy(around.env) } : around;

type ApplicationSurroundings = {
  readonly fragment: Fragment;
  readonly layout: Layout;
  readonly around: ProxySurroundings;
  readonly grpcBootstrap: string | null;
};

function applicationSpec(
  { workload, instance, command, cwd }: Replica,
  { fragment: { services }, layout, around: { env, state }, grpcBootstrap }: ApplicationSurroundings,
): ProcessSpec {
  const [program, ...args] = command;
  const direct = (host: Service['host'], port: number): Address | null => directAddress(services, layout, host, port);
  return {
    name: instance.name,
    command: program,
    args,
    cwd,
    env: { ...env, ...applicationEnvironment({ workload, instance, services, direct, grpcBootstrap }) },
    logFile: state.logFile(`${instance.name}.${instance.namespace}`),
  };
}

/** The first replica behind a service port: for who calls without a proxy and finds no balancer. */
function directAddress(
  services: readonly Service[],
  layout: Layout,
  host: Service['host'],
  port: number,
): Address | null {
  const service = services.find((each) => each.host === host);
  const target = service?.ports.find((each) => each.port === port)?.target;
  if (service === undefined || service.selector === null || target === undefined) return null;
  const selector = Object.entries(service.selector);
  for (const { workload, instance } of layout.replicas) {
    const selected = selector.every(([key, value]) => workload.labels[key] === value);
    if (workload.namespace !== service.namespace || !selected) continue;
    const container = typeof target === 'number' ? target : workload.ports.find(({ name }) => name === target)?.port;
    const found = instance.ports.find((each) => each.container === container);
    if (found !== undefined) return found.reach;
  }
  return null;
}
