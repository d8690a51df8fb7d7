// What is to run on this machine for a mesh: which replicas of which workloads with which ports, and a proxy per Gateway.
// The same mesh gets the same layout; only ports that are taken move others.
import { dirname, resolve } from 'node:path';
import { concurrencyOf } from '../mesh/proxy-settings.ts';
import type { Fragment } from '../model/fragment.ts';
import type { Gateway } from '../model/gateway.ts';
import type { Problem } from '../model/problem.ts';
import {
  type Address,
  type GatewayInstance,
  type Instance,
  type InstancePort,
  reaches,
  type Service,
  type Workload,
} from '../model/service.ts';
import type { Port, SpiffeId } from '../model/units.ts';
import { annotation, type DataPlane, dataPlaneOf } from './annotations.ts';
import { parseCommand } from './command.ts';
import type { PortAllocator } from './ports.ts';

export type LocalDefaults = {
  readonly host: string;
  readonly trustDomain: string;
  readonly dataPlane: 'tulle' | 'envoy';
};

/** One application process and, unless its data plane is `none` or `proxyless`, one proxy process. */
export type Replica = {
  readonly workload: Workload;
  /** Not ready: whoever runs it knows. */
  readonly instance: Instance;
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  /** Of its proxy; null when it has none. */
  readonly admin: Address | null;
  /** Threads of its proxy; null: nobody says. */
  readonly concurrency: number | null;
};

export type LocalGateway = {
  readonly gateway: Gateway;
  readonly instance: GatewayInstance;
  readonly admin: Address;
  readonly concurrency: number | null;
};

export type Layout = {
  readonly replicas: readonly Replica[];
  readonly gateways: readonly LocalGateway[];
  readonly problems: readonly Problem[];
};

/** Not for concurrent use, as the allocator is not. */
export async function layOut(fragment: Fragment, ports: PortAllocator, defaults: LocalDefaults): Promise<Layout> {
  const problems: Problem[] = [];
  const runnable = sortByName(fragment.workloads).flatMap((workload) => {
    const command = commandOf(workload, problems);
    return command === null
      ? []
      : [{ workload, command, dataPlane: dataPlaneOf(workload, defaults.dataPlane, problems) }];
  });
  const assign = new PortAssignment(ports, defaults.host);
  const replicas: Replica[] = [];
  for (const { workload, command, dataPlane } of runnable) {
    for (let index = 0; index < workload.replicas; index += 1) {
      const placed = await placeReplica(workload, `${workload.name}-${index}`, dataPlane, {
        fragment,
        assign,
        defaults,
      });
      const concurrency = concurrencyOf(fragment.proxySettings, workload);
      replicas.push({ workload, command, cwd: workingDirectory(workload), concurrency, ...placed });
    }
  }
  const gateways: LocalGateway[] = [];
  for (const gateway of sortByName(fragment.gateways)) {
    const admin = await assign.address(`${gateway.namespace}/${gateway.name} gateway admin`);
    const concurrency = concurrencyOf(fragment.proxySettings, { ...gateway, concurrency: null });
    gateways.push({ gateway, instance: gatewayInstance(gateway, defaults), admin, concurrency });
  }
  assign.releaseOthers();
  return { replicas, gateways, problems };
}

/** Hands out ports by what they are for, and remembers what was asked for. */
class PortAssignment {
  readonly #ports: PortAllocator;
  readonly #host: string;
  readonly #keys = new Set<string>();

  constructor(ports: PortAllocator, host: string) {
    this.#ports = ports;
    this.#host = host;
  }

  async address(key: string): Promise<Address> {
    this.#keys.add(key);
    return { host: this.#host, port: await this.#ports.allocate(key) };
  }

  releaseOthers(): void {
    this.#ports.retain(this.#keys);
  }
}

type Placing = { readonly fragment: Fragment; readonly assign: PortAssignment; readonly defaults: LocalDefaults };

async function placeReplica(
  workload: Workload,
  name: string,
  dataPlane: DataPlane,
  { fragment, assign, defaults }: Placing,
): Promise<Pick<Replica, 'instance' | 'admin'>> {
  const key = `${workload.namespace}/${name}`;
  const proxied = dataPlane === 'tulle' || dataPlane === 'envoy';
  const ports: InstancePort[] = [];
  for (const container of distinctPorts(workload)) {
    const application = await assign.address(`${key} application ${container}`);
    const reach = proxied ? await assign.address(`${key} inbound ${container}`) : application;
    ports.push({ container, reach, application });
  }
  const admin = proxied ? await assign.address(`${key} admin`) : null;
  const forwardProxy = proxied ? await assign.address(`${key} forward proxy`) : null;
  const listeners = [];
  for (const { host, port } of proxied ? httpPorts(visibleTo(workload, fragment)) : []) {
    listeners.push({ host, port, bind: await assign.address(`${key} outbound ${host}:${port}`) });
  }
  const { namespace, labels, serviceAccount } = workload;
  const identity = identityOf(defaults.trustDomain, namespace, serviceAccount);
  const capture = { listeners, forwardProxy };
  const names = { name, namespace, workload: workload.name, labels, serviceAccount, identity };
  return { instance: { ...names, ready: false, dataPlane, ports, capture }, admin };
}

function gatewayInstance(gateway: Gateway, { host, trustDomain, dataPlane }: LocalDefaults): GatewayInstance {
  const { name, namespace } = gateway;
  return {
    name,
    namespace,
    gateway: { namespace, name },
    serviceAccount: name,
    identity: identityOf(trustDomain, namespace, name),
    dataPlane,
    bindHost: host,
  };
}

const identityOf = (trustDomain: string, namespace: string, account: string): SpiffeId =>
  `spiffe://${trustDomain}/ns/${namespace}/sa/${account}` as SpiffeId;

const distinctPorts = (workload: Workload): readonly Port[] => [...new Set(workload.ports.map(({ port }) => port))];

const visibleTo = ({ namespace }: Workload, { services }: Fragment): readonly Service[] =>
  services.filter(({ clients }) => reaches(clients, namespace));

/** Raw TCP has no local listener: nothing in its bytes says where it is to go. */
const httpPorts = (services: readonly Service[]): { host: Service['host']; port: Port }[] =>
  sortByName(services).flatMap(({ host, ports }) =>
    ports.filter(({ protocol }) => protocol !== 'tcp' && protocol !== 'tls').map(({ port }) => ({ host, port })),
  );

function commandOf(workload: Workload, problems: Problem[]): Replica['command'] | null {
  const text = workload.annotations[annotation.command];
  const problem = { origin: workload.origin, severity: 'warning' as const };
  if (text === undefined) {
    const hint = `annotation ${annotation.command}: the command that runs it on this machine`;
    problems.push({ ...problem, code: 'note', message: 'has no local command and is not run here', hint });
    return null;
  }
  const command = parseCommand(text);
  if (command.kind === 'words') return command.words;
  const message = `annotation ${annotation.command}: ${command.reason}`;
  problems.push({
    ...problem,
    severity: 'error',
    code: 'invalid',
    message,
    hint: 'node app.js, or ["node", "app.js"]',
  });
  return null;
}

/** Paths in annotations are relative to the file they stand in. */
function workingDirectory({ annotations, origin }: Workload): string {
  const folder = origin.place === null ? '.' : dirname(origin.place.file);
  return resolve(folder, annotations[annotation.workingDirectory] ?? '.');
}

const sortByName = <T extends { readonly namespace: string; readonly name: string }>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
