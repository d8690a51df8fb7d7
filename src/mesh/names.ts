// Names in a plan that other tools parse (ARCHITECTURE.md, "Names on the wire").
import type { ProxyRef } from './plan.ts';

export const clusterName = (host: string, port: number, subset: string): string => `outbound|${port}|${subset}|${host}`;
export const brokenName = (host: string, port: number | null, subset: string): string =>
  `broken|${port ?? ''}|${subset}|${host}`;
export const applicationName = (port: number): string => `inbound|${port}||`;
export const serverName = (host: string, port: number, subset: string): string =>
  `outbound_.${port}_.${subset}_.${host}`;
export const hostPort = (host: string, port: number): string => `${host}:${port}`;

const nodeTypes: Record<ProxyRef['kind'], string> = { sidecar: 'sidecar', gateway: 'router', proxyless: 'grpc' };

export const nodeId = (kind: ProxyRef['kind'], address: string, name: string, namespace: string): string =>
  `${nodeTypes[kind]}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`;
