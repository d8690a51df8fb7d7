// What is known against an endpoint, as bits with Envoy's names and values, and what they come to for the balancer.

export const unfit = {
  failedActiveCheck: 0x01,
  failedOutlierCheck: 0x02,
  failedEds: 0x04,
  degradedActiveCheck: 0x08,
  degradedEds: 0x10,
  pendingRemoval: 0x20,
  pendingActiveCheck: 0x40,
  /** Its own answer to a request said so. */
  excludedByImmediateFailure: 0x80,
  activeCheckTimeout: 0x100,
  edsDraining: 0x200,
} as const;

/** In the order in which Envoy lists them. */
export const HEALTH_FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [unfit.failedActiveCheck, '/failed_active_hc'],
  [unfit.failedOutlierCheck, '/failed_outlier_check'],
  [unfit.failedEds, '/failed_eds_health'],
  [unfit.degradedActiveCheck, '/degraded_active_hc'],
  [unfit.degradedEds, '/degraded_eds_health'],
  [unfit.pendingRemoval, '/pending_dynamic_removal'],
  [unfit.pendingActiveCheck, '/pending_active_hc'],
  [unfit.excludedByImmediateFailure, '/excluded_via_immediate_hc_fail'],
  [unfit.activeCheckTimeout, '/active_hc_timeout'],
  [unfit.edsDraining, '/eds_status_draining'],
];

/** What active checks find out. */
export const FROM_CHECKS =
  unfit.failedActiveCheck |
  unfit.degradedActiveCheck |
  unfit.pendingActiveCheck |
  unfit.activeCheckTimeout |
  unfit.excludedByImmediateFailure;

const UNHEALTHY =
  unfit.failedActiveCheck |
  unfit.failedOutlierCheck |
  unfit.failedEds |
  unfit.excludedByImmediateFailure |
  unfit.edsDraining;
const DEGRADED = unfit.degradedActiveCheck | unfit.degradedEds;

export type Fitness = 'healthy' | 'degraded' | 'unhealthy';

export function fitnessOf(health: number): Fitness {
  if ((health & UNHEALTHY) !== 0) return 'unhealthy';
  return (health & DEGRADED) === 0 ? 'healthy' : 'degraded';
}

/** Left out when a priority's availability is computed: nobody knows yet, or it is meant to be left out. */
export function isExcluded(health: number): boolean {
  return (health & (unfit.pendingActiveCheck | unfit.excludedByImmediateFailure | unfit.edsDraining)) !== 0;
}
