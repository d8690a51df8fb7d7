// Differences from Envoy that are meant, each with its reason. An entry that no longer shows is itself a failure.
import type { Observation } from './observation.ts';

export type Accepted = {
  readonly suite: string;
  /** Name of the case; absent: every case of the suite, where it shows in at least one. */
  readonly case?: string;
  readonly reason: string;
  /** Brings what Envoy did to what ours is meant to do. */
  adapt(envoy: Observation): Observation;
};

export const acceptedDifferences: readonly Accepted[] = [];
