// The control plane: the CA and xDS on one TLS port, the loop that feeds it, and the API. Everything on loopback.
import { controlView } from '../api/control-view.ts';
import type { MeshView, RunningProxy } from '../api/mesh-view.ts';
import { type ApiServer, startApi } from '../api/server.ts';
import { answerQuestion } from '../explain/question.ts';
import { CertificateAuthority } from '../identity/ca.ts';
import { listenPrivately } from '../identity/private-socket.ts';
import { certificateService } from '../identity/service.ts';
import { formatSpiffe } from '../identity/spiffe.ts';
import { JoinTokens } from '../identity/tokens.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { MeshObject } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import type { GatewayInstance, Instance } from '../model/service.ts';
import type { SpiffeId } from '../model/units.ts';
import { decoders } from '../proxy/config/decoders.ts';
import { SnapshotCache } from '../xds/cache.ts';
import type { Node } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Peer } from '../xds/peer.ts';
import type { Snapshot } from '../xds/resource.ts';
import { XdsServer } from '../xds/server.ts';
import type { Authorization } from '../xds/stream.ts';
import { CertificateExpiries } from './certificates.ts';
import { ControlLoop } from './loop.ts';
import { controlMetrics } from './metrics.ts';
import { authorizeNode, instanceOf } from './node-authorization.ts';
import { stages } from './stages.ts';

export type ControlPlaneOptions = {
  readonly trustDomain: string;
  /** Folder of the CA's root and the join tokens. */
  readonly authority: string;
  /** Milliseconds that certificates are good for; the authority's own default unless said. */
  readonly certificateLifetime?: number;
  readonly host: string;
  /** 0 takes any free port. */
  readonly ports: { readonly xds: number; readonly api: number };
  /** Folder of the built dashboard; '' serves none. */
  readonly dashboard: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
};

/** When the port's own certificate is renewed, and when that is tried again after it failed: as shares of its life. */
const RENEW_AT = 0.5;
const RETRY_AFTER = 0.05;

const controlIdentity = (trustDomain: string): SpiffeId =>
  formatSpiffe({ trustDomain, namespace: 'tulle-system', serviceAccount: 'control' });

/** What runs, told by whoever runs it. */
export type Running = {
  readonly instances: readonly Instance[];
  readonly gateways: readonly GatewayInstance[];
  readonly proxies: readonly RunningProxy[];
  readonly problems: readonly Problem[];
};

export class ControlPlane {
  readonly loop: ControlLoop;
  readonly cache: SnapshotCache;
  readonly tokens: JoinTokens;
  readonly view: MeshView;
  readonly authority: CertificateAuthority;
  readonly #certificates = new CertificateExpiries();
  readonly #options: ControlPlaneOptions;
  #proxies: readonly RunningProxy[] = [];
  #listening: { readonly xds: XdsServer; readonly api: ApiServer; readonly xdsPort: number } | null = null;
  #cancelRenewal: () => void = () => undefined;
  #closed = false;
  /** How to end what `serveNode` began, by node id. */
  readonly #sockets = new Map<string, Promise<() => Promise<void>>>();

  private constructor(authority: CertificateAuthority, tokens: JoinTokens, options: ControlPlaneOptions) {
    const { trustDomain, clock, log } = options;
    this.#options = options;
    this.authority = authority;
    this.tokens = tokens;
    this.cache = new SnapshotCache(() => clock.epoch());
    this.loop = new ControlLoop({ stages, publisher: this.cache, trustDomain, clock, log });
    this.view = controlView({
      loop: this.loop,
      cache: this.cache,
      proxies: () => this.#proxies,
      certificateExpires: (nodeId) => this.#certificates.of(instanceOf(nodeId)),
      explain: (query) =>
        answerQuestion({ plans: this.loop.state.plans, snapshotOf: this.#snapshotOf }, query, decoders),
    });
  }

  /** Resolves once both ports listen. @throws when one cannot be bound or the CA's root cannot be used. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const { trustDomain, clock, certificateLifetime: lifetime } = options;
    const authority = await CertificateAuthority.open(options.authority, {
      ...{ trustDomain, clock },
      ...(lifetime === undefined ? {} : { lifetime }),
    });
    const tokens = await JoinTokens.open(`${options.authority}/join-tokens.json`);
    const control = new ControlPlane(authority, tokens, options);
    await control.#listen();
    return control;
  }

  get xdsPort(): number {
    return this.#listening?.xdsPort ?? 0;
  }

  get api(): ApiServer | null {
    return this.#listening?.api ?? null;
  }

  /** What the sources say. */
  setObjects(objects: readonly MeshObject[], problems: readonly Problem[]): void {
    this.loop.setObjects(objects, problems);
  }

  /** In force when it returns: a proxy that is started next may connect. */
  setRunning({ instances, gateways, proxies, problems }: Running): void {
    this.#proxies = proxies;
    void this.#closeSockets(new Set(proxies.map(({ nodeId }) => nodeId)));
    this.#forgetOthers(new Set([...instances, ...gateways].map(({ name, namespace }) => `${name}.${namespace}`)));
    this.loop.setInstances(instances, gateways, problems);
    this.loop.flush();
  }

  /**
   * Serves this node, and no other, on a Unix socket of our own user: for gRPC clients, which cannot show a certificate here.
   * Ends with the node. @throws when the socket cannot be bound
   */
  async serveNode(nodeId: string, socket: string): Promise<void> {
    const server = new XdsServer({
      cache: this.cache,
      address: `unix:${socket}`,
      security: { kind: 'plaintext' },
      authorize: (node) =>
        node.id === nodeId
          ? { ok: true, nodeId }
          : { ok: false, reason: `this socket is for ${nodeId}, not ${node.id}` },
      log: this.#options.log,
    });
    this.cache.markOptional(nodeId);
    if (!this.#sockets.has(nodeId)) this.#sockets.set(nodeId, listenPrivately(server, socket));
    await this.#sockets.get(nodeId);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRenewal();
    this.loop.close();
    this.#listening?.xds.close();
    await this.#closeSockets(new Set());
    await this.#listening?.api.close();
  }

  async #listen(): Promise<void> {
    const { host, ports, clock, log, dashboard, version } = this.#options;
    const xds = new XdsServer({
      cache: this.cache,
      address: `${host}:${ports.xds}`,
      security: { kind: 'mtls', identity: await this.#serverIdentity() },
      authorize: (node, peer) => this.#authorize(node, peer),
      log,
      services: [this.#certificateService()],
    });
    const xdsPort = await xds.listen();
    const metrics = (): string => controlMetrics(this.loop.state, this.cache);
    try {
      const api = await startApi({ view: this.view, clock, log, port: ports.api, dashboard, version, metrics });
      this.#listening = { xds, api, xdsPort };
    } catch (error) {
      xds.close();
      throw error;
    }
    this.#renewAfter(RENEW_AT, xds);
  }

  readonly #snapshotOf = (nodeId: string): Snapshot | null => this.loop.state.snapshots.get(nodeId) ?? null;

  async #serverIdentity(): Promise<{ chain: string; key: string; roots: string }> {
    const { host, trustDomain } = this.#options;
    const certificate = await this.authority.issueServer([host, 'localhost'], controlIdentity(trustDomain));
    return { ...certificate, roots: this.authority.root };
  }

  #certificateService() {
    return certificateService({
      authority: this.authority,
      tokens: this.tokens,
      log: this.#options.log,
      onIssued: (instance, expires) => this.#certificates.note(instance, expires),
    });
  }

  #authorize(node: Node, peer: Peer | null): Authorization {
    const claim = { node, peerSpiffeIds: peer?.uris ?? [], instance: peer?.instance ?? '' };
    const answer = authorizeNode(claim, this.#options.trustDomain, this.loop.state.plans);
    if (answer.ok && peer !== null) this.#certificates.note(peer.instance, peer.expires);
    return answer;
  }

  /** Those of all other nodes. */
  async #closeSockets(nodes: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#sockets].filter(([nodeId]) => !nodes.has(nodeId));
    for (const [nodeId] of gone) this.#sockets.delete(nodeId);
    const ended = gone.map(async ([nodeId, listening]) => {
      try {
        await (await listening)();
      } catch (error) {
        this.#options.log.error({ nodeId, err: error }, 'the socket was not closed');
      }
    });
    await Promise.all(ended);
  }

  /** Who runs no more has no certificate to tell of, and its token is void. */
  #forgetOthers(instances: ReadonlySet<string>): void {
    this.#certificates.retain(instances);
    this.tokens
      .retain(instances)
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'the join tokens were not saved'));
  }

  /** Streams that are open go on with the certificate they began with. */
  #renewAfter(share: number, xds: XdsServer): void {
    if (this.#closed) return;
    const { clock, log } = this.#options;
    this.#cancelRenewal = clock.after(this.authority.lifetime * share, () => {
      this.#serverIdentity().then(
        (identity) => {
          xds.renew(identity);
          this.#renewAfter(RENEW_AT, xds);
        },
        (error: unknown) => {
          log.error({ err: error }, 'the certificate of the xds port was not renewed');
          this.#renewAfter(RETRY_AFTER, xds);
        },
      );
    });
  }
}
