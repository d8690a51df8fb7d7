// What travels on the wire: encoded resources, grouped into one snapshot per proxy.

export const typeUrl = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  /** One by one, on demand; named `<route configuration>/<host>`. */
  virtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  /** Values of Envoy's runtime. */
  runtime: 'type.googleapis.com/envoy.service.runtime.v3.Runtime',
} as const;

export type TypeUrl = (typeof typeUrl)[keyof typeof typeUrl];

/** The order in which changes go out, so that what is referred to is there first (make before break). */
export const pushOrder: readonly TypeUrl[] = [
  typeUrl.runtime,
  typeUrl.cluster,
  typeUrl.endpoints,
  typeUrl.listener,
  typeUrl.routes,
  typeUrl.virtualHost,
  typeUrl.secret,
];

export type EncodedResource = {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  /** Changes when, and only when, `bytes` change. */
  readonly version: string;
  /** The protobuf message itself (the value of an Any). Encoded once, sent many times. */
  readonly bytes: Uint8Array;
  /** `objectKey`s of the users' objects that shaped it. */
  readonly origins: readonly string[];
};

/** Everything one proxy gets. Maps are by name. */
export type Snapshot = { readonly resources: ReadonlyMap<TypeUrl, ReadonlyMap<string, EncodedResource>> };
