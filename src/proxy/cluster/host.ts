// An endpoint with its pool: what a balancer chooses and a request is sent to. Its identity outlives updates of weight and health.
import type { Endpoint } from '../balance/balancer.ts';
import type { EndpointConfig } from '../config/types.ts';
import type { Connector } from './connector.ts';
import type { Pool } from './pool.ts';

export class Host implements Endpoint {
  readonly address: string;
  readonly port: number;
  readonly name: string;
  weight: number;
  healthy: boolean;
  ejectedUntil = 0;
  consecutive5xx = 0;
  consecutiveGatewayErrors = 0;
  ejections = 0;
  activeRequests = 0;
  readonly locality: string;
  readonly priority: number;
  metadata: Readonly<Record<string, unknown>>;
  readonly pool: Pool;
  /** For connections that no pool keeps. */
  readonly connector: Connector;

  constructor(config: EndpointConfig, pool: Pool, connector: Connector) {
    this.address = config.address;
    this.port = config.port;
    this.name = config.address.includes(':')
      ? `[${config.address}]:${config.port}`
      : `${config.address}:${config.port}`;
    this.weight = config.weight;
    this.healthy = config.healthy;
    this.locality = config.locality;
    this.priority = config.priority;
    this.metadata = config.metadata;
    this.pool = pool;
    this.connector = connector;
  }
}
