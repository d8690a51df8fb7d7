// What one reader makes of its objects. Fragments of all dialects together are the mesh.
import type { Gateway, ReferenceGrant } from './gateway.ts';
import type { MeshObject } from './object.ts';
import type { AuthorizationPolicy, DestinationPolicy, TransportPolicy } from './policy.ts';
import type { Problem } from './problem.ts';
import type { ProxySettings } from './proxy-settings.ts';
import type { RouteSet } from './route.ts';
import type { Labels, Service, Workload } from './service.ts';

export type Fragment = {
  readonly namespaces: readonly { readonly name: string; readonly labels: Labels; readonly annotations: Labels }[];
  readonly services: readonly Service[];
  readonly workloads: readonly Workload[];
  readonly gateways: readonly Gateway[];
  readonly grants: readonly ReferenceGrant[];
  readonly routes: readonly RouteSet[];
  readonly destinations: readonly DestinationPolicy[];
  readonly authorizations: readonly AuthorizationPolicy[];
  readonly transports: readonly TransportPolicy[];
  readonly proxySettings: readonly ProxySettings[];
};

export const emptyFragment: Fragment = {
  namespaces: [],
  services: [],
  workloads: [],
  gateways: [],
  grants: [],
  routes: [],
  destinations: [],
  authorizations: [],
  transports: [],
  proxySettings: [],
};

/** A reader gets every object of its dialect at once, in any order, and is total: it never throws on user input. */
export type Reader = {
  readonly dialect: string;
  /** Whether objects of this group (`networking.istio.io`, '' for core) and kind are this reader's. */
  claims(group: string, kind: string): boolean;
  read(objects: readonly MeshObject[]): { readonly fragment: Fragment; readonly problems: readonly Problem[] };
};
