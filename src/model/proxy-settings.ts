// How proxies are run, as far as a mesh's objects say it.
import type { Origin } from './origin.ts';
import type { LabelSelector } from './policy.ts';

/** Of the proxies of some workloads. */
export type ProxySettings = {
  /** null: of the whole mesh. */
  readonly namespace: string | null;
  /** null: all of them. */
  readonly selector: LabelSelector | null;
  /** Threads that carry traffic; 0 is one for each core. */
  readonly concurrency: number;
  /** RFC 3339, '' when unknown. */
  readonly created: string;
  readonly origin: Origin;
};
