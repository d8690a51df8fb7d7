// What requests ask for while they wait: a cluster (ODCDS), or the virtual host of a name (VHDS).
import type { ConfigSource } from '../config/config-source.ts';

export type OnDemand = {
  /** `done` is called once, perhaps before this returns. */
  cluster(question: ClusterQuestion, done: (outcome: ClusterOutcome) => void): void;
  /** `done` is called once, when the table has the virtual host or it is known that there is none. It may never be. */
  virtualHost(table: string, host: string, done: () => void): void;
};

export type ClusterQuestion = {
  readonly source: ConfigSource;
  readonly name: string;
  /** Milliseconds. */
  readonly timeout: number;
};

/** In use, known not to exist (or nobody can be asked), or not come in time. */
export type ClusterOutcome = 'used' | 'absent' | 'late';

/** Where nobody can be asked. */
export const nothingOnDemand: OnDemand = {
  cluster: (_, done) => done('absent'),
  virtualHost: (_, __, done) => done(),
};
