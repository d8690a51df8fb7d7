// Subscriptions by where resources come from: the stream to the control plane, a stream to another server, or a file. Who wants the same type
// from the same place shares one.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { jitteredBackoff } from '../../xds/backoff.ts';
import { XdsClient } from '../../xds/client.ts';
import type { UpdateHandler } from '../../xds/client-type.ts';
import type { TypeUrl } from '../../xds/resource.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { ConfigSource } from '../config/config-source.ts';
import type { StreamSource } from '../config/stream-source.ts';
import { clusterStreams } from './cluster-streams.ts';
import type { ConfigTarget } from './config-target.ts';
import { ResourceFile } from './resource-file.ts';

export type Subscription = {
  /** All names that are wanted now; '*' is everything. */
  setNames(names: ReadonlySet<string>): void;
  /** Resolves when there is a first answer; may never. */
  readonly received: Promise<void>;
  /** Resolves when it was dealt with. */
  readonly first: Promise<void>;
  close(): void;
};

export type SubscriptionsOptions = {
  readonly bootstrap: Bootstrap;
  readonly client: ConfigTarget['client'];
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Resolves when a cluster of this name is in use. */
  readonly whenUsed: (cluster: string) => Promise<void>;
};

type Feed = { setNames(names: ReadonlySet<string>): void; close(): void };
type Shared = Feed & Pick<Subscription, 'received' | 'first'> & { readonly users: Map<symbol, ReadonlySet<string>> };

/** Resolves when the first answer was dealt with, or when none came within `timeout` milliseconds (initial_fetch_timeout; 0 is for ever). */
export async function firstAnswer({ received, first }: Subscription, timeout: number, clock: Clock): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const cancel = timeout === 0 ? () => undefined : clock.after(timeout, () => resolve(true));
  const isLate = await Promise.race([received.then(() => false), late]);
  cancel();
  if (!isLate) await first;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #ads: XdsClient | null;
  /** By source and type. */
  readonly #shared = new Map<string, Shared>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#ads = options.bootstrap.ads && this.#client(options.bootstrap.ads, 'ads');
  }

  /** The stream to the control plane begins with what has been subscribed to by now. */
  start(): void {
    const { ads } = this.#options.bootstrap;
    if (this.#ads !== null && ads !== null) this.#begin(this.#ads, ads);
  }

  /** Names are wanted from `setNames` on. `handler` is the same for all who share. @throws as `requireSource` */
  open(source: ConfigSource, typeUrl: TypeUrl, handler: UpdateHandler): Subscription {
    this.requireSource(source);
    const key = `${source.key} ${typeUrl}`;
    const shared = this.#shared.get(key) ?? this.#connect(source, typeUrl, handler);
    this.#shared.set(key, shared);
    const user = Symbol(typeUrl);
    const apply = () => shared.setNames(new Set([...shared.users.values()].flatMap((names) => [...names])));
    return {
      received: shared.received,
      first: shared.first,
      setNames(names) {
        shared.users.set(user, names);
        apply();
      },
      close: () => {
        shared.users.delete(user);
        apply();
        // The stream to the control plane stays, and its type with it.
        if (shared.users.size > 0 || source.place.kind === 'ads') return;
        this.#shared.delete(key);
        shared.close();
      },
    };
  }

  /** @throws when the bootstrap has no such source. */
  requireSource({ place }: ConfigSource): void {
    if (place.kind === 'ads' && this.#ads === null) throw new Error('ads: the bootstrap has no ads_config');
    if (place.kind !== 'stream') return;
    const { cluster } = place.stream.target;
    if (this.#options.bootstrap.clusters.some(({ name }) => name === cluster)) return;
    throw new Error(`api_config_source: the bootstrap has no static cluster called ${cluster}`);
  }

  close(): void {
    this.#ads?.close();
    for (const shared of this.#shared.values()) shared.close();
  }

  #connect({ place }: ConfigSource, typeUrl: TypeUrl, handler: UpdateHandler): Shared {
    const users: Shared['users'] = new Map();
    const { promise: received, resolve: receive } = Promise.withResolvers<void>();
    const { promise: first, resolve } = Promise.withResolvers<void>();
    const observed: UpdateHandler = async (update) => {
      receive();
      const rejections = await handler(update);
      resolve();
      return rejections;
    };
    switch (place.kind) {
      case 'bootstrap':
        throw new Error('static resources are not subscribed to');
      case 'ads':
        return { ...feedOf(this.#ads!, typeUrl, observed), close: () => undefined, received, first, users };
      case 'file':
        void first.then(receive);
        return { ...this.#file(place.path, typeUrl, observed, resolve), received, first, users };
      default: {
        const client = this.#client(place.stream, typeUrl);
        const feed = feedOf(client, typeUrl, observed);
        this.#begin(client, place.stream);
        return { ...feed, received, first, users };
      }
    }
  }

  #file(path: string, typeUrl: TypeUrl, handler: UpdateHandler, onRead: () => void): Feed {
    const onProblem = (reason: string): void => this.#options.log.warn({ reason }, 'configuration file rejected');
    const file = new ResourceFile({ path, typeUrl, handler, onProblem });
    return {
      // A file that cannot be used is an answer, too.
      setNames: (names) => void file.setNames(names).then(onRead),
      close: () => file.close(),
    };
  }

  #client({ target, protocol, retry, nodeOnce, rate }: StreamSource, service: 'ads' | TypeUrl): XdsClient {
    const { bootstrap, client, clock, random, log } = this.#options;
    const { cluster } = target;
    return new XdsClient({
      open: clusterStreams(client, target),
      service,
      protocol,
      node: bootstrap.node,
      nodeOnce,
      rate,
      clock,
      backoff: jitteredBackoff(retry.base, retry.max, random),
      onConnect: () => log.info({ cluster, service }, 'xds stream connected'),
      onDisconnect: (reason) => log.warn({ cluster, service, reason }, 'xds stream lost, configuration kept'),
    });
  }

  /** Its cluster may still wait for secrets, as may the secrets for another cluster. */
  #begin(client: XdsClient, { target }: StreamSource): void {
    void this.#options.whenUsed(target.cluster).then(() => client.start());
  }
}

function feedOf(client: XdsClient, typeUrl: TypeUrl, handler: UpdateHandler): Feed {
  client.subscribe(typeUrl, [], handler);
  return { setNames: (names) => client.setNames(typeUrl, names), close: () => client.close() };
}
