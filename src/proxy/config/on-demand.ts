// What requests ask for while they wait: a cluster (ODCDS), or the virtual host of a name (VHDS).
import type { ConfigSource } from '../config/config-source.ts';

export type OnDemand = {
  /** `done` is called once, when the cluster is in use, does not exist, or has not come in time; perhaps before this returns. */
  cluster(question: ClusterQuestion, done: () => void): void;
  /** `done` is called once, when the table has the virtual host or it is known that there is none. It may never be. */
  virtualHost(table: string, host: string, done: () => void): void;
};

export type ClusterQuestion = {
  readonly source: ConfigSource;
  readonly name: string;
  /** Milliseconds. */
  readonly timeout: number;
};

/** Where nobody can be asked. */
export const nothingOnDemand: OnDemand = {
  cluster: (_, done) => done(),
  virtualHost: (_, __, done) => done(),
};
