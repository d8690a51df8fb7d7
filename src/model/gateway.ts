// Gateways: ways into the mesh.
import type { Origin } from './origin.ts';
import type { Labels } from './service.ts';
import type { Hostname, Port } from './units.ts';

export type Gateway = {
  readonly namespace: string;
  readonly name: string;
  readonly className: string;
  readonly created: string;
  /** By which policies select its proxies, as if these were pods. */
  readonly labels: Labels;
  readonly listeners: readonly GatewayListener[];
  readonly origin: Origin;
};

export type GatewayListener = {
  readonly name: string;
  readonly port: Port;
  readonly protocol: 'http' | 'https' | 'tls' | 'tcp';
  /** null is every host. */
  readonly hostname: Hostname | null;
  /** Which namespaces' routes may attach. */
  readonly routesFrom:
    | { readonly kind: 'same' }
    | { readonly kind: 'all' }
    | { readonly kind: 'selector'; readonly labels: Labels };
  readonly origin: Origin;
};

/** Lets objects of one namespace refer to those of another (Gateway API ReferenceGrant). */
export type ReferenceGrant = {
  /** The namespace of what is referred to. */
  readonly namespace: string;
  readonly from: readonly { readonly kind: string; readonly namespace: string }[];
  /** `name: null` is every object of the kind. */
  readonly to: readonly { readonly kind: string; readonly name: string | null }[];
  readonly origin: Origin;
};
