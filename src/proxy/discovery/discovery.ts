// The proxy's subscriptions: clusters and listeners are asked for whole; endpoints, routes and secrets by the names in use.
// What comes is refused (NACK) with its field's path, or put to use when what it needs is there.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { IdentityAgent } from '../../identity/agent.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { jitteredBackoff } from '../../xds/backoff.ts';
import { XdsClient } from '../../xds/client.ts';
import type { UpdateHandler } from '../../xds/client-type.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { typeUrl } from '../../xds/resource.ts';
import type { Bootstrap, ResourceSource } from '../bootstrap/bootstrap.ts';
import { BootstrapError } from '../bootstrap/bootstrap-error.ts';
import { filesOf } from '../config/secret-files.ts';
import type { StreamSource } from '../config/stream-source.ts';
import { applyUpdate, type ResourceHandler } from './apply.ts';
import { ClusterSet } from './cluster-set.ts';
import { clusterStreams } from './cluster-streams.ts';
import { Decoded } from './decoded.ts';
import { ListenerSet } from './listener-set.ts';
import { ResourceFile } from './resource-file.ts';
import { ResourceLog } from './resource-log.ts';
import type { Applied, Decoders, Runtime } from './runtime.ts';
import { SecretFiles } from './secret-files.ts';
import { agentSource, type DeliverSecret, type SecretSource } from './secret-source.ts';
import { SecretStore, type StoredSecret } from './secret-store.ts';

export type DiscoveryOptions = {
  readonly bootstrap: Bootstrap;
  readonly runtime: Runtime;
  readonly decoders: Decoders;
  /** Answers the source `sds-grpc` when there is one. */
  readonly agent: IdentityAgent | null;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
};

/** Envoy's initial_fetch_timeout. */
const WARMING_TIMEOUT = 15_000;

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
  readonly #ads: XdsClient | null;
  readonly #closers: (() => void)[] = [];
  #ready = false;

  constructor(options: DiscoveryOptions) {
    const { bootstrap, runtime, clock } = options;
    this.#options = options;
    this.resources = new ResourceLog(() => clock.epoch());
    this.#ads = bootstrap.ads && this.#client(bootstrap.ads, 'ads');
    const onProblem = (reason: string): void => options.log.warn({ reason }, 'secret rejected');
    this.#secrets = new SecretStore({
      open: (source, deliver) => this.#openSecretSource(source, deliver),
      onSecret: (source, name, value) => {
        const applied = runtime.setSecret(source, name, value);
        this.#clusters.check();
        this.#listeners.check();
        return applied;
      },
      onProblem,
    });
    this.#secretFiles = new SecretFiles(onProblem);
    const common = { runtime, clock, secrets: this.#secrets, timeout: WARMING_TIMEOUT };
    this.#clusters = new ClusterSet({
      ...common,
      onEndpointNames: (names) => this.#ads?.setNames(typeUrl.endpoints, names),
    });
    this.#listeners = new ListenerSet({
      ...common,
      onRouteNames: (names) => this.#ads?.setNames(typeUrl.routes, names),
    });
  }

  /** Clusters and listeners have been received, and the listeners serve. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Resolves when ready, which may take for ever while the control plane is gone. @throws BootstrapError for static resources. */
  async start(): Promise<void> {
    const { bootstrap } = this.#options;
    this.#ads?.subscribe(typeUrl.endpoints, [], this.#handler(this.#endpoints));
    this.#ads?.subscribe(typeUrl.routes, [], this.#handler(this.#routes));
    // Not waited for yet: static resources may need what only the control plane sends.
    const fixed = this.#startStatic();
    const dynamic = [
      this.#follow(bootstrap.clusterSource, this.#clusterHandler),
      this.#follow(bootstrap.listenerSource, this.#listenerHandler),
    ];
    if (this.#ads !== null && bootstrap.ads !== null) this.#begin(this.#ads, bootstrap.ads);
    await Promise.all([fixed, ...dynamic]);
    this.#ready = true;
  }

  /** Every secret that has arrived. Holds private keys. */
  secrets(): readonly StoredSecret[] {
    return this.#secrets.entries();
  }

  close(): void {
    this.#ads?.close();
    this.#secrets.close();
    this.#secretFiles.close();
    for (const close of this.#closers) close();
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
    set: (bytes) =>
      this.#listeners.setRoutes(this.#options.decoders.decodeRoutes(fromBinary(RouteConfigurationSchema, bytes))),
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

  /** Resolves when the first answer is in use. */
  async #follow(source: ResourceSource | null, handler: ResourceHandler): Promise<void> {
    const apply = this.#handler(handler);
    if (source === null) return;
    if (source.kind === 'path') {
      const onProblem = (reason: string): void => this.#options.log.warn({ reason }, 'configuration file rejected');
      const file = new ResourceFile({ path: source.path, typeUrl: handler.typeUrl, handler: apply, onProblem });
      this.#closers.push(() => file.close());
      return file.start();
    }
    return new Promise((resolve) => {
      this.#ads?.subscribe(handler.typeUrl, '*', async (update) => {
        const rejections = await apply(update);
        resolve();
        return rejections;
      });
    });
  }

  async #startStatic(): Promise<void> {
    const { clusters, listeners } = this.#options.bootstrap;
    await Promise.all(
      clusters.map((one, at) =>
        this.#setStatic(
          this.#clusterHandler,
          one.name,
          toBinary(ClusterSchema, one),
          `static_resources.clusters[${at}]`,
        ),
      ),
    );
    // Only now, so that nobody is served before there are endpoints that were found fit.
    await Promise.all(
      listeners.map((one, at) =>
        this.#setStatic(
          this.#listenerHandler,
          one.name,
          toBinary(ListenerSchema, one),
          `static_resources.listeners[${at}]`,
        ),
      ),
    );
  }

  async #setStatic(handler: ResourceHandler, name: string, bytes: Uint8Array, path: string): Promise<void> {
    const update = { added: [{ name, version: '', bytes }], removed: [] };
    const [rejection] = await applyUpdate(update, handler, this.resources);
    if (rejection !== undefined) throw new BootstrapError(`${path}: ${rejection.detail}`);
  }

  #openSecretSource(source: string, deliver: DeliverSecret): SecretSource {
    const { agent, bootstrap } = this.#options;
    if (agent !== null && source === 'sds-grpc') return agentSource(agent, deliver);
    if (source === 'ads' && this.#ads !== null) return this.#secretsFrom(this.#ads, source, deliver);
    if (bootstrap.clusters.some(({ name }) => name === source)) {
      const stream = secretStream(source);
      const client = this.#client(stream, 'sds');
      const opened = this.#secretsFrom(client, source, deliver);
      this.#begin(client, stream);
      return { ...opened, close: () => client.close() };
    }
    if (source === '') return this.#staticSecrets(deliver);
    if (source.includes('/')) return this.#secretFile(source, deliver);
    throw new Error(`sds_config: the bootstrap has no secret source called ${source}`);
  }

  /** A reference without sds_config means a secret of the bootstrap. */
  #staticSecrets(deliver: DeliverSecret): SecretSource {
    for (const secret of this.#options.bootstrap.secrets) void this.#deliver('', secret, deliver);
    return { want: () => undefined, close: () => undefined };
  }

  /** path_config_source of an sds_config. */
  #secretFile(path: string, deliver: DeliverSecret): SecretSource {
    const onProblem = (reason: string): void => this.#options.log.warn({ reason }, 'secret file rejected');
    const handler = this.#handler(this.#secretHandler(path, deliver));
    const file = new ResourceFile({ path, typeUrl: typeUrl.secret, handler, onProblem });
    void file.start();
    return { want: () => undefined, close: () => file.close() };
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

  #secretsFrom(client: XdsClient, source: string, deliver: DeliverSecret): SecretSource {
    client.subscribe(typeUrl.secret, [], this.#handler(this.#secretHandler(source, deliver)));
    return { want: (names) => client.setNames(typeUrl.secret, names), close: () => undefined };
  }

  #client({ target, protocol, retry }: StreamSource, service: 'ads' | 'sds'): XdsClient {
    const { bootstrap, runtime, clock, random, log } = this.#options;
    const { cluster } = target;
    return new XdsClient({
      open: clusterStreams(runtime.client, target),
      service,
      protocol,
      node: bootstrap.node,
      clock,
      backoff: jitteredBackoff(retry.base, retry.max, random),
      onConnect: () => log.info({ cluster, service }, 'xds stream connected'),
      onDisconnect: (reason) => log.warn({ cluster, service, reason }, 'xds stream lost, configuration kept'),
    });
  }

  /** Its cluster may still wait for secrets, as may the secrets for another cluster. */
  #begin(client: XdsClient, { target }: StreamSource): void {
    void this.#clusters.whenUsed(target.cluster).then(() => client.start());
  }
}

/** Of an sds_config, which is always state of the world here. */
function secretStream(cluster: string): StreamSource {
  return {
    target: { cluster, authority: '', timeout: 0, metadata: null, maxMessage: null },
    protocol: 'sotw',
    retry: { base: 500, max: 10_000 },
  };
}
