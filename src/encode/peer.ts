// The header by which metrics learn the caller's workload (ARCHITECTURE.md, "Names on the wire").
import type { WorkloadLabels } from '../mesh/plan.ts';

export const peerHeader = 'x-tulle-peer';

/** Kubernetes names and label values hold neither `;` nor `=`; whatever else might is dropped. */
export const peerValue = (labels: WorkloadLabels): string =>
  (['workload', 'namespace', 'app', 'version'] as const)
    .map((key) => `${key}=${labels[key].replaceAll(/[^A-Za-z0-9._-]/g, '')}`)
    .join(';');
