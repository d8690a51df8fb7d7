// The plan of the proxy beside an application, or of a proxyless gRPC client, which gets the outbound half.
import type { Instance } from '../model/service.ts';
import { classOf } from './client.ts';
import { workloadLabels } from './endpoints.ts';
import { planInbound } from './inbound.ts';
import { nodeId } from './names.ts';
import { planOutbound, planTargets } from './outbound.ts';
import type { ProxyPlan, ProxyRef } from './plan.ts';
import type { Planning } from './planning.ts';

export function planSidecar(planning: Planning, instance: Instance): ProxyPlan {
  const client = classOf(planning.mesh, instance.namespace, instance.labels, false);
  const inbound = instance.ports
    .toSorted((a, b) => a.container - b.container)
    .map((port) => planInbound(planning, instance, port));
  const outbound = planOutbound(planning, client, instance);
  return {
    proxy: proxyRef(instance, 'sidecar'),
    listeners: [...inbound.map(({ listener }) => listener), ...outbound.listeners],
    routeTables: outbound.routeTables,
    clusters: [...inbound.map(({ cluster }) => cluster), ...outbound.clusters],
  };
}

export function planProxyless(planning: Planning, instance: Instance): ProxyPlan {
  const client = classOf(planning.mesh, instance.namespace, instance.labels, true);
  return { proxy: proxyRef(instance, 'proxyless'), ...planTargets(planning, client) };
}

function proxyRef(instance: Instance, kind: 'sidecar' | 'proxyless'): ProxyRef {
  const address = instance.ports[0]?.reach.host ?? instance.capture.forwardProxy?.host ?? '127.0.0.1';
  return {
    id: nodeId(kind, address, instance.name, instance.namespace),
    kind,
    name: instance.name,
    namespace: instance.namespace,
    dataPlane: instance.dataPlane === 'envoy' || instance.dataPlane === 'proxyless' ? instance.dataPlane : 'tulle',
    identity: instance.identity,
    workload: workloadLabels(instance.namespace, instance.workload, instance.labels),
  };
}
