// Services, the workloads behind them, and the running instances of these.
import type { Origin } from './origin.ts';
import type { Hostname, Port, SpiffeId } from './units.ts';

export type Labels = Readonly<Record<string, string>>;

/** Clients, by their namespaces: all, or those of the ones named. */
export type Audience = { readonly kind: 'all' } | { readonly kind: 'namespaces'; readonly names: readonly string[] };

/** `namespace` '' stands for all that nothing singles out. */
export const reaches = (audience: Audience, namespace: string): boolean =>
  audience.kind === 'all' || audience.names.includes(namespace);

/** `http2` is HTTP/2 without TLS by prior knowledge; `auto` is to be detected. */
export type Protocol = 'http' | 'http2' | 'grpc' | 'tls' | 'tcp' | 'auto';

export type Service = {
  readonly namespace: string;
  readonly name: string;
  /** Fully qualified: `catalog.shop.svc.cluster.local`. */
  readonly host: Hostname;
  readonly ports: readonly ServicePort[];
  /** null: no selector, endpoints come from elsewhere. */
  readonly selector: Labels | null;
  readonly annotations: Labels;
  /** Who can see it: for all others it does not exist. */
  readonly clients: Audience;
  readonly origin: Origin;
};

export type ServicePort = {
  readonly name: string;
  readonly port: Port;
  /** A number, or the name of a container port. */
  readonly target: Port | string;
  readonly protocol: Protocol;
};

/** A Deployment, StatefulSet, DaemonSet, Job or bare Pod: the template its instances are made from. */
export type Workload = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The pod template's labels. */
  readonly labels: Labels;
  /** The object's and the pod template's annotations; the template's win. */
  readonly annotations: Labels;
  readonly serviceAccount: string;
  readonly replicas: number;
  readonly ports: readonly ContainerPort[];
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  /** Threads its proxies carry traffic in, by its annotations; 0 is one for each core, null: nothing is said. */
  readonly concurrency: number | null;
  readonly origin: Origin;
};

export type ContainerPort = { readonly name: string; readonly port: Port };

export type Address = { readonly host: string; readonly port: Port };

/** A running replica: a pod, or a local process with its proxy. Made by whoever runs workloads, not by a reader. */
export type Instance = {
  /** Unique in the mesh: the pod's name, as in `catalog-v1-0`. */
  readonly name: string;
  readonly namespace: string;
  /** Name of its Workload, '' for a gateway that is no workload. */
  readonly workload: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly identity: SpiffeId;
  readonly ready: boolean;
  /** `none`: no proxy, other proxies talk plain text to it. `proxyless`: a gRPC xDS client. */
  readonly dataPlane: 'tulle' | 'envoy' | 'proxyless' | 'none';
  readonly ports: readonly InstancePort[];
  readonly capture: Capture;
};

export type InstancePort = {
  readonly container: Port;
  /** Where other proxies reach this port (its own proxy's inbound listener, if it has one). */
  readonly reach: Address;
  /** Where its own proxy hands requests over to the application. */
  readonly application: Address;
};

/** How an application's outgoing traffic gets into its proxy. */
type Capture = {
  /** A local listener per service and port, handed to the application in its environment. */
  readonly listeners: readonly { readonly host: Hostname; readonly port: Port; readonly bind: Address }[];
  /** An HTTP forward proxy (absolute-form requests), or null. */
  readonly forwardProxy: Address | null;
};

/** A proxy that serves a Gateway object. */
export type GatewayInstance = {
  readonly name: string;
  readonly namespace: string;
  readonly gateway: { readonly namespace: string; readonly name: string };
  readonly serviceAccount: string;
  readonly identity: SpiffeId;
  readonly dataPlane: 'tulle' | 'envoy';
  /** Address that its listeners bind; ports come from the Gateway's listeners. */
  readonly bindHost: string;
};
