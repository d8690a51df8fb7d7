// How a connection of a client comes to its end, whatever the protocol, and what is counted of it.

/** Milliseconds, 0 is none, as in `HttpConnectionConfig`. */
export type DepartureLimits = {
  readonly idleTimeout: number;
  readonly drainTimeout: number;
  readonly delayedCloseTimeout: number;
};

/** Under Envoy's names. */
export type DepartureStats = {
  downstream_cx_idle_timeout: number;
  downstream_cx_delayed_close_timeout: number;
};
