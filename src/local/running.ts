// What runs of a layout, as the control plane is told it.
import type { Problem } from '../model/problem.ts';
import type { GatewayInstance, Instance } from '../model/service.ts';
import type { Layout, LocalGateway, Replica } from './layout.ts';

export type Running = {
  readonly instances: readonly Instance[];
  readonly gateways: readonly GatewayInstance[];
  readonly proxies: readonly LocalProxy[];
  /** What the annotations of workloads say wrong. */
  readonly problems: readonly Problem[];
};

export type LocalProxy =
  | { readonly kind: 'sidecar'; readonly replica: Replica; readonly pid: number | null }
  /** A gRPC client without a proxy. */
  | { readonly kind: 'proxyless'; readonly replica: Replica; readonly pid: null }
  | { readonly kind: 'gateway'; readonly gateway: LocalGateway; readonly pid: number | null };

/** `pid` is null while the proxy does not run, or when somebody else runs it. */
export type UnitState = { readonly ready: boolean; readonly proxyPid: number | null };

/** Keys are `replicaKey` and `gatewayKey`. */
export function describeRunning(
  { replicas, gateways, problems }: Layout,
  stateOf: (key: string) => UnitState | undefined,
): Running {
  const pidOf = (key: string): number | null => stateOf(key)?.proxyPid ?? null;
  const sidecars = replicas.filter(({ admin }) => admin !== null);
  const proxyless = replicas.filter(({ instance }) => instance.dataPlane === 'proxyless');
  return {
    instances: replicas.map((replica) => ({
      ...replica.instance,
      ready: stateOf(replicaKey(replica))?.ready ?? false,
    })),
    gateways: gateways.map(({ instance }) => instance),
    proxies: [
      ...sidecars.map((replica) => ({ kind: 'sidecar' as const, replica, pid: pidOf(replicaKey(replica)) })),
      ...proxyless.map((replica) => ({ kind: 'proxyless' as const, replica, pid: null })),
      ...gateways.map((gateway) => ({ kind: 'gateway' as const, gateway, pid: pidOf(gatewayKey(gateway)) })),
    ],
    problems,
  };
}

/** Equal texts, nothing new to tell. */
export const runningText = ({ instances, gateways, proxies, problems }: Running): string =>
  JSON.stringify([instances, gateways, proxies.map(({ pid }) => pid), problems]);

/** What a replica must be started anew for. A new Service is not: its address is not in the environment of who runs already. */
export function signatureOf({ workload, instance, command, cwd }: Replica): string {
  const { capture: _, ...own } = instance;
  return JSON.stringify([command, cwd, workload.environment, own]);
}

export const replicaKey = ({ instance }: Replica): string => `${instance.namespace}/${instance.name}`;
export const gatewayKey = ({ instance }: LocalGateway): string => `gateway ${instance.namespace}/${instance.name}`;
