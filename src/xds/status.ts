// What one proxy has acknowledged: the record behind "applied on N of M proxies".
import type { TypeUrl } from './resource.ts';

type Acknowledged = { readonly version: string /** Milliseconds since the epoch. */; readonly at: number };
type Rejected = { readonly version: string; readonly detail: string };

export type TypeStatus = {
  readonly wildcard: boolean;
  /** Asked for by name. */
  readonly names: ReadonlySet<string>;
  readonly acked: ReadonlyMap<string, Acknowledged>;
  /** Resources whose newest version the client refused; it keeps an earlier one, or none. */
  readonly rejected: ReadonlyMap<string, Rejected>;
  readonly lastNack: { readonly detail: string; readonly at: number } | null;
  readonly sentAt: number | null;
  readonly ackedAt: number | null;
};

export type NodeStatus = {
  readonly nodeId: string;
  readonly connected: boolean;
  readonly client: { readonly name: string; readonly version: string };
  readonly connectedAt: number;
  readonly types: ReadonlyMap<TypeUrl, TypeStatus>;
};

/** What one stream reports about its client, as it happens. */
export type StreamRecord = {
  subscribed(typeUrl: TypeUrl, wildcard: boolean, names: ReadonlySet<string>): void;
  sent(typeUrl: TypeUrl): void;
  /** A version of null was a removal. */
  acked(typeUrl: TypeUrl, versions: ReadonlyMap<string, string | null>): void;
  nacked(typeUrl: TypeUrl, versions: ReadonlyMap<string, string | null>, detail: string): void;
  closed(): void;
};

type MutableType = {
  wildcard: boolean;
  names: ReadonlySet<string>;
  acked: Map<string, Acknowledged>;
  rejected: Map<string, Rejected>;
  lastNack: TypeStatus['lastNack'];
  sentAt: number | null;
  ackedAt: number | null;
};

/** One node's record. A new stream replaces what an older one of the same node subscribed to and acknowledged. */
export class NodeRecord implements NodeStatus {
  readonly nodeId: string;
  readonly client: NodeStatus['client'];
  readonly connectedAt: number;
  readonly types = new Map<TypeUrl, MutableType>();
  connected = true;
  readonly #now: () => number;

  constructor(nodeId: string, client: NodeStatus['client'], now: () => number) {
    this.nodeId = nodeId;
    this.client = client;
    this.connectedAt = now();
    this.#now = now;
  }

  subscribed(typeUrl: TypeUrl, wildcard: boolean, names: ReadonlySet<string>): void {
    const type = this.#type(typeUrl);
    type.wildcard = wildcard;
    type.names = names;
  }

  sent(typeUrl: TypeUrl): void {
    this.#type(typeUrl).sentAt = this.#now();
  }

  acked(typeUrl: TypeUrl, versions: ReadonlyMap<string, string | null>): void {
    const type = this.#type(typeUrl);
    const at = this.#now();
    type.ackedAt = at;
    for (const [name, version] of versions) {
      type.rejected.delete(name);
      if (version === null) type.acked.delete(name);
      else if (type.acked.get(name)?.version !== version) type.acked.set(name, { version, at });
    }
  }

  nacked(typeUrl: TypeUrl, versions: ReadonlyMap<string, string | null>, detail: string): void {
    const type = this.#type(typeUrl);
    type.lastNack = { detail, at: this.#now() };
    for (const [name, version] of versions) if (version !== null) type.rejected.set(name, { version, detail });
  }

  #type(typeUrl: TypeUrl): MutableType {
    let type = this.types.get(typeUrl);
    if (type === undefined) {
      type = {
        wildcard: false,
        names: new Set(),
        acked: new Map(),
        rejected: new Map(),
        lastNack: null,
        sentAt: null,
        ackedAt: null,
      };
      this.types.set(typeUrl, type);
    }
    return type;
  }
}
