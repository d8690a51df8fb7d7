// What discovery applies configuration to: the data plane (`proxy/data-plane.ts`), or several threads of it (`proxy/workers/`).
import type { ClusterClient } from '../client/cluster-client.ts';
import type { Assignment } from '../config/cluster-types.ts';
import type { OnDemand } from '../config/on-demand.ts';
import type { SecretValue } from '../config/tls-types.ts';
import type { ClusterConfig, ListenerConfig } from '../config/types.ts';
import type { RouteTable } from '../route/table.ts';

/** What returns a promise is in use when it resolves; where it rejects, what was in use before still is. */
export type ConfigTarget = {
  /** For streams through its clusters. */
  readonly client: Pick<ClusterClient, 'bytes' | 'connect' | 'http' | 'stream'>;
  /** Calls through a cluster that nobody else sees, until it is closed. */
  openPrivate(config: ClusterConfig): { readonly client: ClusterClient; close(): void };
  setSecret(source: string, name: string, value: SecretValue): Applied;
  setCluster(config: ClusterConfig): Applied;
  removeCluster(name: string): void;
  setEndpoints(edsServiceName: string, assignment: Assignment): Applied;
  /** No cluster that is used or waited for names them any more. */
  removeEndpoints(edsServiceName: string): void;
  setRoutes(table: RouteTable): Applied;
  removeRoutes(name: string): void;
  /** Rejects when the address cannot be bound. */
  setListener(config: ListenerConfig): Promise<void>;
  removeListener(name: string): void;
  /** Whom requests that wait for a part of the configuration ask for it. */
  serveOnDemand(onDemand: OnDemand): void;
};

export type Applied = void | Promise<void>;
