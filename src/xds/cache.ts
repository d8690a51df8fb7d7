// The newest snapshot of every node, who listens for it, and what each node acknowledged of it.
import { type Application, type DatedResource, measureApplication } from './application.ts';
import type { EncodedResource, Snapshot, TypeUrl } from './resource.ts';
import { NodeRecord, type NodeStatus, type StreamRecord } from './status.ts';

export type CachedNode = {
  readonly snapshot: Snapshot /** Grows with every snapshot of the node. */;
  readonly generation: number;
};

export class SnapshotCache {
  readonly #now: () => number;
  readonly #nodes = new Map<string, NodeEntry>();
  readonly #records = new Map<string, NodeRecord>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #listeners = new Set<(nodeId: string) => void>();
  readonly #optional = new Set<string>();
  #generation = 0;

  /** `now` is milliseconds since the epoch. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  setSnapshot(nodeId: string, snapshot: Snapshot): void {
    this.#generation += 1;
    const resources = dateResources(snapshot, this.#nodes.get(nodeId)?.resources, this.#now());
    this.#nodes.set(nodeId, { snapshot, generation: this.#generation, resources });
    for (const wake of this.#watchers.get(nodeId) ?? []) wake();
  }

  /** The node may never ask (a gRPC server that calls nobody): what it has not applied counts only while it has a stream. */
  markOptional(nodeId: string): void {
    this.#optional.add(nodeId);
  }

  /** Streams of the node stay open and keep what they have. */
  removeNode(nodeId: string): void {
    this.#nodes.delete(nodeId);
    this.#optional.delete(nodeId);
    if (this.#records.get(nodeId)?.connected === false) this.#records.delete(nodeId);
  }

  snapshot(nodeId: string): Snapshot | undefined {
    return this.#nodes.get(nodeId)?.snapshot;
  }

  cached(nodeId: string): CachedNode | undefined {
    return this.#nodes.get(nodeId);
  }

  status(nodeId: string): NodeStatus | undefined {
    return this.#records.get(nodeId);
  }

  /** Every node that has a snapshot or has ever connected. */
  nodes(): string[] {
    return [...new Set([...this.#nodes.keys(), ...this.#records.keys()])].sort();
  }

  /** Called with the node's id after each connect, disconnect, acknowledgement and rejection. Returns how to stop. */
  onStatus(listener: (nodeId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** How far the resources that the object `origin` (an `objectKey`) shaped have come. */
  applied(origin: string): Application {
    return this.#measure(({ resources }) => resources.get(origin) ?? []);
  }

  /** Whether every node has acknowledged, or refused, all it asks for of its newest snapshot. */
  settled(): boolean {
    const { proxies, applied, rejected } = this.#measure(({ snapshot }) =>
      [...snapshot.resources.values()].flatMap((resources) =>
        [...resources.values()].map((resource) => ({ resource, since: 0 })),
      ),
    );
    return applied + rejected === proxies;
  }

  #measure(resourcesOf: (node: NodeEntry) => readonly DatedResource[]): Application {
    const asking = [...this.#nodes].filter(
      ([nodeId]) => !this.#optional.has(nodeId) || this.#records.get(nodeId)?.connected === true,
    );
    const nodes = asking.map(([nodeId, node]) => ({ resources: resourcesOf(node), status: this.#records.get(nodeId) }));
    return measureApplication(nodes);
  }

  /** For the server: calls `wake` after each new snapshot of the node. */
  watch(nodeId: string, wake: () => void): () => void {
    const watchers = this.#watchers.get(nodeId) ?? new Set();
    this.#watchers.set(nodeId, watchers.add(wake));
    return () => {
      watchers.delete(wake);
      if (watchers.size === 0 && this.#watchers.get(nodeId) === watchers) this.#watchers.delete(nodeId);
    };
  }

  /** For the server: a stream of the node has begun. */
  connected(nodeId: string, client: NodeStatus['client']): StreamRecord {
    const record = new NodeRecord(nodeId, client, this.#now);
    this.#records.set(nodeId, record);
    this.#notify(nodeId);
    return {
      subscribed: (...args) => record.subscribed(...args),
      sent: (...args) => record.sent(...args),
      acked: (...args) => {
        record.acked(...args);
        this.#notify(nodeId);
      },
      nacked: (...args) => {
        record.nacked(...args);
        this.#notify(nodeId);
      },
      closed: () => {
        record.connected = false;
        if (this.#records.get(nodeId) !== record) return;
        if (!this.#nodes.has(nodeId)) this.#records.delete(nodeId);
        this.#notify(nodeId);
      },
    };
  }

  #notify(nodeId: string): void {
    for (const listener of this.#listeners) listener(nodeId);
  }
}

type NodeEntry = CachedNode & { /** By origin. */ readonly resources: ReadonlyMap<string, readonly DatedResource[]> };

/** When each resource got its present version, by the origins that shaped it. */
function dateResources(
  snapshot: Snapshot,
  before: NodeEntry['resources'] | undefined,
  now: number,
): Map<string, DatedResource[]> {
  const known = new Map<string, DatedResource>();
  for (const dated of before?.values() ?? []) for (const one of dated) known.set(key(one.resource), one);
  const byOrigin = new Map<string, DatedResource[]>();
  for (const resources of snapshot.resources.values()) {
    for (const resource of resources.values()) {
      const old = known.get(key(resource));
      const dated = { resource, since: old?.resource.version === resource.version ? old.since : now };
      for (const origin of resource.origins) {
        const list = byOrigin.get(origin);
        if (list === undefined) byOrigin.set(origin, [dated]);
        else list.push(dated);
      }
    }
  }
  return byOrigin;
}

const key = (resource: EncodedResource): `${TypeUrl} ${string}` => `${resource.typeUrl} ${resource.name}`;
