// What `overload_manager` of a bootstrap compiles to, and the safety net that holds without one.

export type OverloadConfig = {
  /** Milliseconds between looks. */
  readonly refreshInterval: number;
  readonly monitors: readonly Monitor[];
  readonly actions: readonly { readonly name: OverloadAction; readonly triggers: readonly Trigger[] }[];
  /** Downstream connections of the whole process; null is no limit. */
  readonly maxConnections: number | null;
};

export type Monitor = {
  readonly name: string;
  /** `heap`: share of V8's own limit. `memory`: bytes of the process. `lag`: milliseconds an event waits. */
  readonly kind: 'heap' | 'memory' | 'lag';
  /** What counts as pressure 1; ignored for `heap`. */
  readonly limit: number;
};

export type OverloadAction =
  | 'stop_accepting_requests'
  | 'disable_http_keepalive'
  | 'stop_accepting_connections'
  | 'reject_incoming_connections'
  | 'shrink_heap';

/** From `scaling` the action grows to its full at `saturation`; a threshold has both the same. */
export type Trigger = { readonly monitor: string; readonly scaling: number; readonly saturation: number };

const at = (monitor: string, pressure: number): Trigger => ({ monitor, scaling: pressure, saturation: pressure });

/** A process that uses nearly all of its heap, or answers events seconds late, helps nobody by taking more. */
export const safetyNet: OverloadConfig = {
  refreshInterval: 1_000,
  monitors: [
    { name: 'heap', kind: 'heap', limit: 1 },
    { name: 'event_loop_lag', kind: 'lag', limit: 5_000 },
  ],
  actions: [
    { name: 'disable_http_keepalive', triggers: [at('heap', 0.92)] },
    { name: 'stop_accepting_requests', triggers: [at('heap', 0.95), at('event_loop_lag', 1)] },
  ],
  maxConnections: null,
};

/** The configured one, with the net below it where it says nothing about requests. */
export function withSafetyNet(config: OverloadConfig | null): OverloadConfig {
  if (config === null) return safetyNet;
  const own = new Set(config.actions.map(({ name }) => name));
  return {
    ...config,
    monitors: [...config.monitors, ...safetyNet.monitors],
    actions: [...config.actions, ...safetyNet.actions.filter(({ name }) => !own.has(name))],
  };
}
