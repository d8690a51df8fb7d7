// The proxy's subscriptions: clusters and listeners are asked for whole; endpoints, routes and secrets by the names in use.
// What comes is refused (NACK) with its field's path, or put to use when what it needs is there.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { IdentityAgent } from '../../identity/agent.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { UpdateHandler } from '../../xds/client-type.ts';
import { type Cluster, ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { typeUrl } from '../../xds/resource.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import { BootstrapError } from '../bootstrap/bootstrap-error.ts';
import type { ConfigSource } from '../config/config-source.ts';
import { filesOf } from '../config/secret-files.ts';
import type { ClusterConfig } from '../config/types.ts';
import { applyUpdate, type ResourceHandler } from './apply.ts';
import { ClusterSet } from './cluster-set.ts';
import type { Applied, ConfigTarget } from './config-target.ts';
import { Decoded } from './decoded.ts';
import type { Decoders } from './decoders.ts';
import { ListenerSet } from './listener-set.ts';
import { NamedResources } from './named-resources.ts';
import { OnDemandClusters } from './on-demand-clusters.ts';
import { ResourceLog } from './resource-log.ts';
import { RuntimeFolders } from './runtime-folders.ts';
import { followRuntime } from './runtime-resources.ts';
import { SecretFiles } from './secret-files.ts';
import { agentSource, type DeliverSecret, type SecretSource } from './secret-source.ts';
import { SecretStore, type StoredSecret } from './secret-store.ts';
import { firstAnswer, type Subscription, Subscriptions } from './subscriptions.ts';
import { VirtualHosts } from './virtual-hosts.ts';

export type DiscoveryOptions = {
  readonly bootstrap: Bootstrap;
  readonly target: ConfigTarget;
  readonly decoders: Decoders;
  /** Answers the source `sds-grpc` when there is one. */
  readonly agent: IdentityAgent | null;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
};

export class Discovery {
  readonly resources: ResourceLog;
  readonly #options: DiscoveryOptions;
  readonly #secrets: SecretStore;
  /** Of secrets that came from a source and name files. */
  readonly #secretFiles: SecretFiles;
  readonly #clusters: ClusterSet;
  readonly #listeners: ListenerSet;
  readonly #decodedClusters = new Decoded((bytes) =>
    this.#options.decoders.decodeCluster(fromBinary(ClusterSchema, bytes)),
  );
  readonly #decodedEndpoints = new Decoded((bytes) =>
    this.#options.decoders.decodeEndpoints(fromBinary(ClusterLoadAssignmentSchema, bytes)),
  );
  readonly #subscriptions: Subscriptions;
  readonly #virtualHosts: VirtualHosts;
  readonly #onDemandClusters: OnDemandClusters;
  readonly #runtimeFolders: RuntimeFolders;
  #ready = false;

  constructor(options: DiscoveryOptions) {
    const { target, clock } = options;
    this.#options = options;
    this.resources = new ResourceLog(() => clock.epoch());
    const whenUsed = (cluster: string) => this.#clusters.whenUsed(cluster);
    this.#subscriptions = new Subscriptions({ ...options, client: target.client, whenUsed });
    const onProblem = (reason: string): void => options.log.warn({ reason }, 'secret rejected');
    this.#secrets = new SecretStore({
      open: (source, deliver) => this.#openSecretSource(source, deliver),
      onSecret: (source, name, value) => {
        const applied = target.setSecret(source, name, value);
        this.#clusters.check();
        this.#listeners.check();
        return applied;
      },
      onProblem,
    });
    this.#secretFiles = new SecretFiles(onProblem);
    const { runtime } = options.bootstrap;
    this.#runtimeFolders = new RuntimeFolders(runtime, (reason) => options.log.warn({ reason }, 'runtime not read'));
    const requireSource = (source: ConfigSource) => this.#subscriptions.requireSource(source);
    const common = { target, clock, secrets: this.#secrets, requireSource };
    const endpoints = new NamedResources((source) => this.#open(source, this.#endpoints));
    const routes = new NamedResources((source) => this.#open(source, this.#routes));
    this.#clusters = new ClusterSet({ ...common, onEndpointNames: (needs) => endpoints.set(needs) });
    this.#virtualHosts = new VirtualHosts({
      open: (source, handle) => this.#subscriptions.open(source, typeUrl.virtualHost, handle),
      decodeRoutes: options.decoders.decodeRoutes,
      publish: (table) => this.#listeners.setRoutes(table),
      clock,
    });
    this.#listeners = new ListenerSet({
      ...common,
      hasCluster: (name) => this.#clusters.has(name),
      onRouteNames: (needs) => {
        routes.set(needs);
        this.#virtualHosts.keep(new Set(needs.map(({ name }) => name)));
      },
    });
    const open = (source: ConfigSource) => this.#open(source, this.#clusterHandler);
    this.#onDemandClusters = new OnDemandClusters({ open, whenUsed, clock, log: options.log });
    target.serveOnDemand({
      cluster: (question, done) => this.#onDemandClusters.request(question, done),
      virtualHost: (table, host, done) => this.#virtualHosts.request(table, host, done),
    });
  }

  /** Clusters and listeners have been received, and the listeners serve. */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * Resolves when ready: each step, in Envoy's order, waits for the one before until its resources are in use or `initial_fetch_timeout` is over.
   * @throws BootstrapError for static resources and folders of the runtime.
   */
  async start(): Promise<void> {
    this.#runtimeFolders.start();
    const dynamic = this.#startDynamic();
    // Decoded now, with the static clusters at hand; warm and open when there are those that come, too.
    await Promise.all([dynamic, this.#startStaticListeners()]);
    this.#ready = true;
  }

  /** Resolves when a cluster of this name is in use. */
  whenUsed(cluster: string): Promise<void> {
    return this.#clusters.whenUsed(cluster);
  }

  /** Of requests that the control plane wants dropped; '' for none. */
  dropCategory({ discovery }: Pick<ClusterConfig, 'discovery'>): string {
    const assignment =
      discovery.kind === 'eds'
        ? this.#clusters.endpointsOf(discovery.serviceName)
        : discovery.kind === 'static'
          ? discovery.assignment
          : null;
    return assignment?.drops[0]?.category ?? '';
  }

  /** Every secret that has arrived. Holds private keys. */
  secrets(): readonly StoredSecret[] {
    return this.#secrets.entries();
  }

  close(): void {
    this.#subscriptions.close();
    this.#secrets.close();
    this.#secretFiles.close();
    this.#runtimeFolders.close();
  }

  readonly #clusterHandler: ResourceHandler = {
    typeUrl: typeUrl.cluster,
    set: (bytes, name) => {
      const config = this.#decodedClusters.get(name, bytes);
      if (name === this.#options.bootstrap.ads?.target.cluster && config.http.protocol !== 'http2')
        throw new Error('typed_extension_protocol_options: must be HTTP/2, because gRPC streams go here');
      return this.#clusters.set(config);
    },
    remove: (name) => {
      this.#decodedClusters.forget(name);
      this.#clusters.remove(name);
      this.#onDemandClusters.absent(name);
    },
  };

  readonly #listenerHandler: ResourceHandler = {
    typeUrl: typeUrl.listener,
    set: (bytes) => this.#listeners.set(this.#options.decoders.decodeListener(fromBinary(ListenerSchema, bytes))),
    remove: (name) => this.#listeners.remove(name),
  };

  readonly #endpoints: ResourceHandler = {
    typeUrl: typeUrl.endpoints,
    set: (bytes, name) => {
      const decoded = this.#decodedEndpoints.get(name, bytes);
      return this.#clusters.setEndpoints(decoded.name, decoded.assignment);
    },
    remove: (name) => {
      this.#decodedEndpoints.forget(name);
      this.#clusters.endpointsAbsent(name);
    },
  };

  readonly #routes: ResourceHandler = {
    typeUrl: typeUrl.routes,
    set: (bytes) => {
      const routes = fromBinary(RouteConfigurationSchema, bytes);
      const table = this.#options.decoders.decodeRoutes(routes);
      if (table.hostSource !== null) {
        if (table.hostSource.place.kind === 'ads' && this.#options.bootstrap.ads?.protocol === 'sotw')
          throw new Error('vhds.config_source: needs ads_config of api_type DELTA_GRPC');
        return this.#virtualHosts.set(routes, table.hostSource);
      }
      this.#virtualHosts.remove(table.name);
      return this.#listeners.setRoutes(table);
    },
    // A listener that still names it keeps the last good table.
    remove: () => undefined,
  };

  #handler(handler: ResourceHandler): UpdateHandler {
    return async (update) => {
      const rejections = await applyUpdate(update, handler, this.resources);
      for (const { name, detail } of rejections) {
        this.#options.log.warn({ type: handler.typeUrl, name, detail }, 'resource rejected');
      }
      return rejections;
    };
  }

  #open(source: ConfigSource, handler: ResourceHandler): Subscription {
    return this.#subscriptions.open(source, handler.typeUrl, this.#handler(handler));
  }

  async #startDynamic(): Promise<void> {
    const { bootstrap, clock } = this.#options;
    const open = (source: ConfigSource, handler: ResourceHandler) => this.#open(source, handler);
    const runtime = followRuntime({ runtime: bootstrap.runtime, open, clock });
    const clusters = this.#startStaticClusters();
    this.#subscriptions.start();
    await Promise.all([runtime, clusters]);
    await this.#follow(bootstrap.clusterSource, this.#clusterHandler);
    this.#listeners.begin();
    await this.#follow(bootstrap.listenerSource, this.#listenerHandler);
  }

  async #follow(source: ConfigSource | null, handler: ResourceHandler): Promise<void> {
    if (source === null) return;
    const subscription = this.#open(source, handler);
    subscription.setNames(new Set(['*']));
    await firstAnswer(subscription, source.fetchTimeout, this.#options.clock);
  }

  async #startStaticClusters(): Promise<void> {
    const { clusters } = this.#options.bootstrap;
    const set = (one: Cluster, at: number) =>
      this.#setStatic(this.#clusterHandler, one.name, toBinary(ClusterSchema, one), `static_resources.clusters[${at}]`);
    await Promise.all(clusters.map(set));
  }

  async #startStaticListeners(): Promise<void> {
    const { listeners } = this.#options.bootstrap;
    const set = (one: Listener, at: number) =>
      this.#setStatic(
        this.#listenerHandler,
        one.name,
        toBinary(ListenerSchema, one),
        `static_resources.listeners[${at}]`,
      );
    await Promise.all(listeners.map(set));
  }

  async #setStatic(handler: ResourceHandler, name: string, bytes: Uint8Array, path: string): Promise<void> {
    const update = { added: [{ name, version: '', bytes, aliases: [] }], removed: [] };
    const [rejection] = await applyUpdate(update, handler, this.resources);
    if (rejection !== undefined) throw new BootstrapError(`${path}: ${rejection.detail}`);
  }

  #openSecretSource(source: ConfigSource, deliver: DeliverSecret): SecretSource {
    const { agent } = this.#options;
    const { place } = source;
    if (place.kind === 'bootstrap') return this.#staticSecrets(deliver);
    if (agent !== null && place.kind === 'stream' && place.stream.target.cluster === 'sds-grpc')
      return agentSource(agent, deliver);
    const subscription = this.#open(source, this.#secretHandler(source.key, deliver));
    return { want: (names) => subscription.setNames(names), close: () => subscription.close() };
  }

  /** A reference without sds_config means a secret of the bootstrap. */
  #staticSecrets(deliver: DeliverSecret): SecretSource {
    for (const secret of this.#options.bootstrap.secrets) void this.#deliver('', secret, deliver);
    return { want: () => undefined, close: () => undefined };
  }

  #secretHandler(source: string, deliver: DeliverSecret): ResourceHandler {
    return {
      typeUrl: typeUrl.secret,
      set: (bytes) => this.#deliver(source, fromBinary(SecretSchema, bytes), deliver),
      remove: () => undefined,
    };
  }

  /** Now, and whenever the files it names change. */
  #deliver(source: string, secret: Secret, deliver: DeliverSecret): Applied {
    const { name } = secret;
    const read = () => this.#options.decoders.decodeSecret(secret);
    const applied = deliver(name, read());
    const files = filesOf(secret);
    this.#secretFiles.follow(`${source} ${name}`, { files, read, deliver: (value) => void deliver(name, value) });
    return applied;
  }
}
