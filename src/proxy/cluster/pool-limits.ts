// What of a cluster's configuration its pools go by.
import type { ClusterConfig } from '../config/types.ts';

export function poolLimits(config: ClusterConfig) {
  return {
    connectTimeout: config.connectTimeout,
    idleTimeout: config.idleTimeout,
    maxRequestsPerConnection: config.maxRequestsPerConnection,
    maxConnectionDuration: config.http.maxConnectionDuration,
    preconnectRatio: config.http.preconnectRatio,
    http1: config.http.http1,
    http2: config.http.http2,
    responseLimits: config.http.responseLimits,
  };
}
