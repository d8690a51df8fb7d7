// The control plane: the CA and xDS on one TLS port, the loop that feeds it, and the API. Everything on loopback.
import { controlView } from '../api/control-view.ts';
import type { MeshView, RunningProxy } from '../api/mesh-view.ts';
import { type ApiServer, startApi } from '../api/server.ts';
import { answerQuestion } from '../explain/question.ts';
import { CertificateAuthority } from '../identity/ca.ts';
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
import type { Snapshot } from '../xds/resource.ts';
import { XdsServer } from '../xds/server.ts';
import { ControlLoop } from './loop.ts';
import { controlMetrics } from './metrics.ts';
import { authorizeNode } from './node-authorization.ts';
import { stages } from './stages.ts';

export type ControlPlaneOptions = {
  readonly trustDomain: string;
  /** Where the CA keeps its root. */
  readonly authority: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly ports: { readonly xds: number; readonly api: number };
  /** Folder of the built dashboard; '' serves none. */
  readonly dashboard: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
};

/** How long before its end the port's own certificate is renewed, as a share of its life. */
const RENEW_AT = 0.5;
const SERVER_LIFETIME = 24 * 3600_000;

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
  readonly #options: ControlPlaneOptions;
  #proxies: readonly RunningProxy[] = [];
  #listening: { readonly xds: XdsServer; readonly api: ApiServer; readonly xdsPort: number } | null = null;
  #cancelRenewal: () => void = () => undefined;

  private constructor(authority: CertificateAuthority, options: ControlPlaneOptions) {
    const { trustDomain, clock, log } = options;
    this.#options = options;
    this.authority = authority;
    this.tokens = new JoinTokens();
    this.cache = new SnapshotCache(() => clock.epoch());
    this.loop = new ControlLoop({ stages, publisher: this.cache, trustDomain, clock, log });
    this.view = controlView({
      loop: this.loop,
      cache: this.cache,
      proxies: () => this.#proxies,
      certificateExpires: () => null,
      explain: (query) =>
        answerQuestion({ plans: this.loop.state.plans, snapshotOf: this.#snapshotOf }, query, decoders),
    });
  }

  /** Resolves once both ports listen. @throws when one cannot be bound or the CA's root cannot be used. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const { trustDomain, clock } = options;
    const authority = await CertificateAuthority.open(options.authority, { trustDomain, clock });
    const control = new ControlPlane(authority, options);
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
    this.loop.setInstances(instances, gateways, problems);
    this.loop.flush();
  }

  async close(): Promise<void> {
    this.#cancelRenewal();
    this.loop.close();
    this.#listening?.xds.close();
    await this.#listening?.api.close();
  }

  async #listen(): Promise<void> {
    const { host, ports, trustDomain, clock, log, dashboard, version } = this.#options;
    const xds = new XdsServer({
      cache: this.cache,
      address: `${host}:${ports.xds}`,
      security: { kind: 'mtls', identity: await this.#serverIdentity() },
      authorize: (node, peerSpiffeIds, instance) =>
        authorizeNode({ node, peerSpiffeIds, instance }, trustDomain, this.loop.state.plans),
      log,
      services: [certificateService({ authority: this.authority, tokens: this.tokens, log })],
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
    this.#scheduleRenewal(xds);
  }

  readonly #snapshotOf = (nodeId: string): Snapshot | null => this.loop.state.snapshots.get(nodeId) ?? null;

  async #serverIdentity(): Promise<{ chain: string; key: string; roots: string }> {
    const { host, trustDomain } = this.#options;
    const certificate = await this.authority.issueServer([host, 'localhost'], controlIdentity(trustDomain));
    return { ...certificate, roots: this.authority.root };
  }

  #scheduleRenewal(xds: XdsServer): void {
    const { clock, log } = this.#options;
    this.#cancelRenewal = clock.after(SERVER_LIFETIME * RENEW_AT, () => {
      this.#serverIdentity().then(
        (identity) => xds.renew(identity),
        (error: unknown) => log.error({ err: error }, 'the certificate of the xds port was not renewed'),
      );
      this.#scheduleRenewal(xds);
    });
  }
}
