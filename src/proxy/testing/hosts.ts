// Endpoints at run time, for tests that open no connection.
import { Host, type HostParts } from '../cluster/host.ts';
import { HostStats } from '../cluster/host-stats.ts';
import type { EndpointConfig } from '../config/cluster-types.ts';

/** What a test touches of `parts` it names. */
export function hostOf(config: EndpointConfig, parts: Partial<HostParts> = {}): Host {
  return new Host(config, { now: 0, stats: new HostStats(), ...parts } as HostParts);
}
